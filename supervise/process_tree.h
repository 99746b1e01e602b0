#pragma once
// The descendants of this process, found through /proc/PID/task/TID/children.

#include <sys/types.h>

#include <vector>

namespace supervise {

// Deepest last.
std::vector<pid_t> descendants();

// Sends STOP to every descendant and returns them, sorted: who is stopped cannot fork.
std::vector<pid_t> stop_descendants();

}  // namespace supervise
