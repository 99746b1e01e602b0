#pragma once
// Who may take files away from blobs/ and bundles/. A blob is on disk before the commit that refers
// to it, and a backup copies what the database referred to a moment ago: whoever relies on such
// files shares this lock meanwhile, and what nothing refers to is removed only by who has it alone.

#include "store/home.h"

namespace agentcmd::store {

// One for each thread: the lock belongs to the open file.
class ContentLock {
 public:
  explicit ContentLock(const Home& home);
  ~ContentLock();
  ContentLock(const ContentLock&) = delete;
  ContentLock& operator=(const ContentLock&) = delete;

  // Meets the needs of std::shared_lock.
  void lock_shared();
  void unlock_shared();
  // Meets the needs of std::unique_lock with std::try_to_lock. False while anybody shares it.
  bool try_lock();
  void unlock();

 private:
  int fd_ = -1;
};

}  // namespace agentcmd::store
