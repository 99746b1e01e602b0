#pragma once
// "Something changed, look again." Waiters loop over their condition:
//   while (!condition) co_await wakeup.wait();
// One thread: the loop's.

#include "async/task.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace agentcmd {

class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  // Wakes every current waiter.
  void notify() { timer_.cancel(); }

  // Returns at the next notify(). Throws operation_aborted when the waiting task itself is
  // cancelled.
  Task<> wait() {
    co_await timer_.async_wait(boost::asio::as_tuple(use_task));
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) {
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
  }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace agentcmd
