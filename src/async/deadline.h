#pragma once
// A deadline is a value handed down, not a timeout reinvented at each level.

#include "async/settled.h"
#include "async/task.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace agentcmd {

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::chrono::milliseconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

inline Task<> sleep_until(Deadline deadline) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, deadline);
  co_await timer.async_wait(use_task);
}

// The task's value, or nothing if the deadline came first; then the task has been cancelled and has
// ended.
template <typename T>
Task<std::optional<T>> before(Deadline deadline, Task<T> task) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto first = co_await (settle(std::move(task)) || sleep_until(deadline));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(first).take();
}

// False if the deadline came first.
inline Task<bool> before(Deadline deadline, Task<> task) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto first = co_await (settle(std::move(task)) || sleep_until(deadline));
  if (first.index() == 1) co_return false;
  std::get<0>(first).take();
  co_return true;
}

}  // namespace agentcmd
