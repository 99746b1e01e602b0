#include "cli/ask_driver.h"

#include "async/deadline.h"
#include "runtime/driver_socket.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace agentcmd::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 20ms;
constexpr auto longest = 30s;

}  // namespace

Task<std::uint64_t> post_request(Services& services, history::RunId run, std::string kind,
                                 Json data) {
  auto& store = services.store();
  store::Request request{.id = 0,
                         .run = run,
                         .kind = std::move(kind),
                         .data = {to_text(data)},
                         .at = services.clock.now()};
  const auto id = co_await store.requests().add(std::move(request));
  const auto owner = co_await store.log().owner(run);
  if (owner) runtime::wake_driver(services.home, owner->driver);
  co_return id;
}

Task<Asked> ask_driver(Services& services, history::RunId run, std::string kind, Json data) {
  auto& store = services.store();
  const auto id = co_await post_request(services, run, std::move(kind), std::move(data));
  const auto deadline = deadline_in(longest);
  while (std::chrono::steady_clock::now() < deadline) {
    // In this order: a driver that dies after it has carried it out leaves no doubt.
    const auto owner = co_await store.log().owner(run);
    const bool alive = owner && runtime::is_driver_alive(services.home, owner->driver);
    const auto pending = co_await store.requests().pending(run);
    const bool is_pending = std::ranges::any_of(
        pending, [id](const store::Request& request) { return request.id == id; });
    if (!is_pending) co_return Asked::carried_out;
    if (!alive) co_return Asked::kept;
    co_await sleep_until(deadline_in(look_again));
  }
  co_return Asked::late;
}

std::string user_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : fmt::format("uid {}", getuid());
}

}  // namespace agentcmd::cli
