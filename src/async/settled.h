#pragma once
// How a task ended, as a value. Asio's `||` takes an exception on one side for "not yet" and waits
// for the other side; a settled task always ends it.

#include "async/task.h"

#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace agentcmd {

template <typename T>
struct Settled {
  std::optional<T> value;
  std::exception_ptr error;

  // The value; throws what the task threw.
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <typename T>
Task<Settled<T>> settle(Task<T> task) {
  Settled<T> settled;
  try {
    settled.value.emplace(co_await std::move(task));
  } catch (...) {
    settled.error = std::current_exception();
  }
  co_return settled;
}

inline Task<Settled<std::monostate>> settle(Task<> task) {
  Settled<std::monostate> settled;
  try {
    co_await std::move(task);
    settled.value.emplace();
  } catch (...) {
    settled.error = std::current_exception();
  }
  co_return settled;
}

}  // namespace agentcmd
