#pragma once
// A control group of the attempt's own: kills all that is in it, and tells of out-of-memory kills.
// Where it can be made is found by trying.

#include "files.h"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace supervise {

class Cgroup {
 public:
  enum class Kind { v2, v1_freezer, v1_memory };

  // Null where the machine or our rights do not allow one.
  static std::unique_ptr<Cgroup> create(Kind kind);
  // Whether we run under a limit of the v1 memory controller.
  static bool memory_is_limited();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup();  // removes it; it must be empty

  const std::string& path() const { return path_; }
  // For CLONE_INTO_CGROUP; v2 only, else -1.
  int fd() const { return fd_.get(); }
  bool add(pid_t pid) const;
  std::vector<pid_t> pids() const;
  // Sends KILL to everybody in it, so that nobody can fork away; does not wait.
  void kill() const;
  // How many of its processes the kernel has killed for memory; -1 where that is not counted.
  std::int64_t oom_kills() const;

 private:
  Cgroup(Kind kind, std::string path);

  Kind kind_;
  std::string path_;
  Fd fd_;
};

}  // namespace supervise
