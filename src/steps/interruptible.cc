#include "steps/interruptible.h"

#include "async/deadline.h"
#include "base/duration.h"
#include "steps/result.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

namespace agentcmd::steps {

Task<Outcome> interruptible(Task<Outcome> work, StopSource& stop, std::chrono::milliseconds timeout,
                            std::string what) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto first =
      co_await (settle(std::move(work)) || stop.wait() || sleep_until(deadline_in(timeout)));
  if (first.index() == 0) co_return std::get<0>(first).take();
  if (first.index() == 1) co_return Outcome{.what = Cancelled{}, .notes = {}};
  co_return timed_out(fmt::format("{} timed out after {}", what, format_duration(timeout)));
}

}  // namespace agentcmd::steps
