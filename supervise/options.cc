#include "options.h"

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace supervise {
namespace {

bool parse_number(const char* text, std::uint64_t& number) {
  char* end = nullptr;
  errno = 0;
  number = std::strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *text != '-';
}

bool parse_containment(std::string_view name, Containment& containment) {
  for (const auto candidate :
       {Containment::automatic, Containment::pid_namespace, Containment::cgroup_v2,
        Containment::cgroup_v1, Containment::subreaper}) {
    if (name == to_string(candidate)) {
      containment = candidate;
      return true;
    }
  }
  return false;
}

bool set_option(std::string_view name, const char* value, Options& options) {
  if (name == "--dir") return !(options.dir = value).empty();
  if (name == "--cwd") return !(options.cwd = value).empty();
  if (name == "--containment") return parse_containment(value, options.containment);
  if (name == "--stdin") {
    options.takes_frames = std::string_view(value) == "frames";
    return options.takes_frames || std::string_view(value) == "file";
  }
  std::uint64_t number = 0;
  if (!parse_number(value, number)) return false;
  if (name == "--timeout-ms") {
    options.timeout_ms = static_cast<std::int64_t>(number);
  } else if (name == "--grace-ms") {
    options.grace_ms = static_cast<std::int64_t>(number);
  } else if (name == "--output-max") {
    options.output_bytes_max = number;
  } else if (name == "--lock-fd") {
    options.lock_fd = static_cast<int>(number);
  } else if (name == "--report-fd") {
    options.report_fd = static_cast<int>(number);
  } else if (name == "--scope-fd") {
    options.scope_fd = static_cast<int>(number);
  } else {
    return false;
  }
  return true;
}

}  // namespace

const char* to_string(Containment containment) {
  switch (containment) {
    case Containment::automatic:
      return "automatic";
    case Containment::pid_namespace:
      return "pid_namespace";
    case Containment::cgroup_v2:
      return "cgroup_v2";
    case Containment::cgroup_v1:
      return "cgroup_v1";
    case Containment::subreaper:
      return "subreaper";
  }
  return "";
}

bool parse_options(int argc, char** argv, Options& options, std::string& problem) {
  int next = 1;
  while (next < argc && std::string_view(argv[next]) != "--") {
    if (next + 1 >= argc || !set_option(argv[next], argv[next + 1], options)) {
      problem = std::string("unknown or incomplete option ") + argv[next];
      return false;
    }
    next += 2;
  }
  if (options.dir.empty() || next + 1 >= argc) {
    problem = "usage: agentcmd-supervise --dir FOLDER [OPTION VALUE]... -- COMMAND [ARGUMENT]...";
    return false;
  }
  options.argv = argv + next + 1;
  return true;
}

}  // namespace supervise
