#pragma once
// How a call on the loop waits for a thread of the store.

#include "async/task.h"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>

#include <exception>
#include <utility>

namespace agentcmd::store {

template <typename Value>
using Answer = boost::asio::any_completion_handler<void(std::exception_ptr, Value)>;

// Calls `submit` with the answer that the other thread gives, on the loop, when it has the value.
// Cannot be cancelled: what is handed over happens.
template <typename Value, typename Submit>
Task<Value> hand_over(Submit submit) {
  auto initiate = [&submit](auto handler) { submit(Answer<Value>(std::move(handler))); };
  co_return co_await boost::asio::async_initiate<decltype(use_task),
                                                 void(std::exception_ptr, Value)>(initiate,
                                                                                  use_task);
}

}  // namespace agentcmd::store
