#include "cli/error_report.h"

#include "base/fault.h"
#include "base/json.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace agentcmd::cli {
namespace {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::failed_precondition:
      return "failed_precondition";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::resource_exhausted:
      return "resource_exhausted";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::unavailable:
      return "unavailable";
  }
  std::unreachable();
}

std::string line_of(std::string_view code, std::string_view message) {
  const Json line{{"type", "error"}, {"error", {{"code", code}, {"message", message}}}};
  return to_text(line) + "\n";
}

void say(Output& output, std::string_view code, std::string_view message, bool json) {
  if (json) output.out(line_of(code, message));
  output.complain(message);
}

}  // namespace

std::string error_line(const Error& error) {
  return line_of(name_of(error.code), error.message);
}

void report(Output& output, const Error& error, bool json) {
  say(output, name_of(error.code), error.message, json);
}

void report(Output& output, const std::exception_ptr& error, bool json) {
  try {
    std::rethrow_exception(error);
  } catch (const Fault& fault) {
    say(output, "fault", fault.what(), json);
  } catch (const Bug& bug) {
    say(output, "bug",
        fmt::format("this is a defect of agentcmd, please report it: {}", bug.what()), json);
  } catch (const std::exception& other) {
    say(output, "bug", fmt::format("unexpected error, please report it: {}", other.what()), json);
  }
}

}  // namespace agentcmd::cli
