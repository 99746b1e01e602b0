#pragma once
// Assertions are for programmers; what a user, a file or a peer controls gets an Error or a Fault.
//
//   AGENTCMD_CHECK(cond, "...")      broken precondition inside one request or run: throws Bug
//   AGENTCMD_INVARIANT(cond, "...")  would corrupt history if it went on: logs and aborts; the next
//                                    start replays
//
// The message is an fmt format string with its values.

#include <fmt/format.h>

#include <source_location>
#include <string>

namespace agentcmd {

[[noreturn]] void check_failed(const char* condition, const std::string& message,
                               const std::source_location& where);
[[noreturn]] void invariant_failed(const char* condition, const std::string& message,
                                   const std::source_location& where);

}  // namespace agentcmd

#define AGENTCMD_CHECK(condition, ...)                               \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::agentcmd::check_failed(#condition, fmt::format(__VA_ARGS__), \
                               ::std::source_location::current());   \
  } while (false)

#define AGENTCMD_INVARIANT(condition, ...)                               \
  do {                                                                   \
    if (!(condition)) [[unlikely]]                                       \
      ::agentcmd::invariant_failed(#condition, fmt::format(__VA_ARGS__), \
                                   ::std::source_location::current());   \
  } while (false)
