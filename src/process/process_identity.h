#pragma once
// Which process is meant, for ever: pids come round again, together with the start time and the
// boot they do not.

#include "process/unique_fd.h"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace agentcmd::process {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot
  std::string boot_id;
  bool operator==(const ProcessIdentity&) const = default;
};

// start_time is 0 when there is no such process.
ProcessIdentity identity_of(pid_t pid);

// A pidfd; invalid if that process is gone. A zombie is still there.
UniqueFd open_process(const ProcessIdentity& identity);

// Whether the process behind the pidfd has ended. Who waits for the pidfd asks this afterwards:
// Asio may hand it the readiness of a descriptor that was closed before.
bool has_ended(const UniqueFd& pidfd);
bool has_ended(int pidfd);

// Nothing happens if it has ended.
void send_signal(const UniqueFd& pidfd, int signal);

// Whether STOP was sent to it and not yet CONT; a debugger's hold is something else.
bool is_stopped(pid_t pid);

// The text of a file of /proc or /sys; empty where it cannot be read.
std::string read_kernel_text(const std::string& path);

}  // namespace agentcmd::process
