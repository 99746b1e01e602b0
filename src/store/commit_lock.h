#pragma once
// The turn to write, shared by all processes of one home. SQLite's own wait for its write lock
// polls and starves whoever is unlucky; the kernel queues those who wait for this one.
//
// A process that has just written would often get the lock again before a waiting one has woken up,
// so there are two: a writer holds `commit.next` while it waits for `commit.lock`. Who comes back
// finds that place taken and is behind the one who waits.

#include "store/home.h"

namespace agentcmd::store {

// One for each thread that writes: the lock belongs to the open file.
class CommitLock {
 public:
  explicit CommitLock(const Home& home);
  ~CommitLock();
  CommitLock(const CommitLock&) = delete;
  CommitLock& operator=(const CommitLock&) = delete;

  // Meets the needs of std::lock_guard.
  void lock();
  void unlock();

 private:
  int next_ = -1;
  int turn_ = -1;
};

}  // namespace agentcmd::store
