#include "out_of_memory.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace supervise {
namespace {

std::int64_t machine_kills() {
  constexpr const char* key = "\noom_kill ";
  const std::string text = read_text("/proc/vmstat");
  const auto at = text.find(key);
  if (at == std::string::npos) return 0;
  return std::strtoll(text.c_str() + at + std::strlen(key), nullptr, 10);
}

// A shell says 137 of a child that was killed.
bool looks_killed(int status) {
  return (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
         (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
}

}  // namespace

OutOfMemory::OutOfMemory() : machine_before_(machine_kills()) {}

bool OutOfMemory::explains(int wait_status, const Container& container) const {
  if (wait_status == 0) return false;  // a child of the command was killed, and it went on well
  const std::int64_t counted = container.oom_kills();
  if (counted >= 0) return counted > 0;
  return looks_killed(wait_status) && machine_kills() > machine_before_;
}

}  // namespace supervise
