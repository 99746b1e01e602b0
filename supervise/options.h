#pragma once
// The command line (README.md lists it).

#include <cstdint>
#include <string>

namespace supervise {

enum class Containment { automatic, pid_namespace, cgroup_v2, cgroup_v1, subreaper };

const char* to_string(Containment containment);

struct Options {
  std::string dir;
  std::string cwd;
  Containment containment = Containment::automatic;
  std::int64_t timeout_ms = 0;  // 0: none
  std::int64_t grace_ms = 5000;
  std::uint64_t output_bytes_max = std::uint64_t{1} << 30;
  bool takes_frames = false;  // stdin is written by drivers (frames.h)
  int lock_fd = -1;           // already locked by who started us; -1: we lock
  int report_fd = -1;         // where "ok" or the reason of a failure goes; -1: stderr
  int scope_fd = -1;          // set when we have put ourselves into a systemd scope
  char** argv = nullptr;
};

// False, with the reason in `problem`, for a command line that makes no sense.
bool parse_options(int argc, char** argv, Options& options, std::string& problem);

}  // namespace supervise
