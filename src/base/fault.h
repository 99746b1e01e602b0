#pragma once
// What is thrown. Only the five borders catch: HTTP request, WebSocket message, workflow task
// attempt, step attempt, main/CLI command (docs/decisions/0002).

#include <stdexcept>
#include <string>
#include <string_view>

namespace agentcmd {

// The world failed: disk full, I/O error, a row that cannot be read. The message says what was
// being done, to what, and why it failed; it is fit to be shown to the user.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A broken precondition of ours within one request or run. The run is held and shown; the process
// lives.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws Fault "<doing>: <strerror(error_number)>", with the way out for the errors that have one
// (disk full, read-only, permission).
[[noreturn]] void throw_errno(std::string_view doing, int error_number);

}  // namespace agentcmd
