#pragma once
// Failures that the caller branches on. Faults of the world are thrown (fault.h), outcomes of a run
// are data in its history (docs/decisions/0002).

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace agentcmd {

enum class ErrorCode {
  invalid_argument,
  not_found,
  already_exists,
  failed_precondition,
  conflict,
  resource_exhausted,
  permission_denied,
  cancelled,
  timed_out,
  unavailable,
};

// What the user reads: what happened, to what, and what to do about it. Never holds a secret.
struct Error {
  ErrorCode code;
  std::string message;
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

// Error{not_found, "no run 'r_12'"}, ready to be returned from any Result function.
inline auto fail(ErrorCode code, std::string message) {
  return tl::unexpected(Error{code, std::move(message)});
}

}  // namespace agentcmd
