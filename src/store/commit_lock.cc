#include "store/commit_lock.h"

#include "base/fault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace agentcmd::store {
namespace {

int open_lock(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) throw_errno(fmt::format("opening {}", file.native()), errno);
  return fd;
}

void take(int fd) {
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno("waiting for the turn to write the database", errno);
  }
}

}  // namespace

CommitLock::CommitLock(const Home& home) : next_(open_lock(home.root / "commit.next")) {
  try {
    turn_ = open_lock(home.root / "commit.lock");
  } catch (...) {
    close(next_);
    throw;
  }
}

CommitLock::~CommitLock() {
  close(turn_);
  close(next_);
}

void CommitLock::lock() {
  take(next_);
  take(turn_);
  flock(next_, LOCK_UN);
}

void CommitLock::unlock() {
  flock(turn_, LOCK_UN);
}

}  // namespace agentcmd::store
