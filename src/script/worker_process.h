#pragma once
// The worker as a child process: its own session, an environment without anything of ours, no file
// descriptor but the socket.

#include "base/result.h"
#include "process/rooted_path.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace agentcmd::script {

struct WorkerProcess {
  pid_t pid = -1;
  process::UniqueFd pidfd;   // readable once the process has ended
  process::UniqueFd socket;  // our end
};

// argv[0] is the path of the program. not_found if it is not there, unavailable if it cannot be
// started.
Result<WorkerProcess> spawn_worker(const std::vector<std::string>& argv);

// Reaps a process that has ended; how it did: "exit status 1", "signal 9 (Killed)".
std::string reap(const WorkerProcess& process);

void kill_worker(const WorkerProcess& process);

}  // namespace agentcmd::script
