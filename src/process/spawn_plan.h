#pragma once
// posix_spawn with the settings that all our children share: a session of their own (no terminal to
// ask on, not killed with ours), default signals, and no descriptor of ours but those given. Unlike
// fork it neither copies our address space nor runs code of ours in a copy of a threaded process.

#include "process/unique_fd.h"

#include <spawn.h>

#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::process {

class SpawnPlan {
 public:
  SpawnPlan();
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan();

  // The child has `fd` as descriptor `as`; in ascending order from 0, without gaps. `fd` must come
  // from above_given(), or one gift could overwrite the next.
  void give(const UniqueFd& fd, int as);
  void change_to(const std::filesystem::path& cwd);

  // The pid, or the negative error.
  int spawn(const std::filesystem::path& program, std::vector<std::string> argv,
            std::vector<std::string> environment);

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int given_ = 0;
};

// More than the largest descriptor that a child of ours is given.
inline constexpr int given_fds_max = 8;

// The same file under a number that is none of a child's.
UniqueFd above_given(UniqueFd fd);

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

// Our end does not block; the child's end does, since that is a property of the open file.
Pipe make_output_pipe();

}  // namespace agentcmd::process
