#include "store/content_lock.h"

#include "base/fault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace agentcmd::store {
namespace {

bool take(int fd, int operation) {
  while (flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno("locking content.lock", errno);
  }
  return true;
}

}  // namespace

ContentLock::ContentLock(const Home& home) {
  const auto file = home.root / "content.lock";
  fd_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) throw_errno(fmt::format("opening {}", file.native()), errno);
}

ContentLock::~ContentLock() {
  close(fd_);
}

void ContentLock::lock_shared() {
  take(fd_, LOCK_SH);
}

void ContentLock::unlock_shared() {
  flock(fd_, LOCK_UN);
}

bool ContentLock::try_lock() {
  return take(fd_, LOCK_EX | LOCK_NB);
}

void ContentLock::unlock() {
  flock(fd_, LOCK_UN);
}

}  // namespace agentcmd::store
