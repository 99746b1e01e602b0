#pragma once
// Two tasks at once.

#include "async/task.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <tuple>
#include <utility>

namespace agentcmd {

// Both values, once both are there. If one throws, the other is cancelled first.
template <typename A, typename B>
Task<std::tuple<A, B>> both(Task<A> first, Task<B> second) {
  using namespace boost::asio::experimental::awaitable_operators;
  co_return co_await (std::move(first) && std::move(second));
}

}  // namespace agentcmd
