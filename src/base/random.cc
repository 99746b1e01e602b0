#include "base/random.h"

#include "base/fault.h"

#include <sys/random.h>

#include <cerrno>

namespace agentcmd {

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
    throw_errno("reading random bytes", errno);
  }
  return value;
}

}  // namespace agentcmd
