#pragma once
// Carries the projections behind the history, and the write-ahead log into the database file.
//
// A batch is folded in a read transaction, without the write lock, and then written in a short
// transaction that first checks that the cursor has not moved: several threads and processes may do
// this at once, one of them wins, and what was written never counts an event twice.

#include "store/blobs.h"
#include "store/commit_lock.h"
#include "store/connection.h"

#include <cstddef>
#include <memory>

namespace agentcmd::store {

class Projector {
 public:
  // The connection may be Durability::relaxed.
  Projector(Connection& connection, const Home& home);
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  // One batch. False when nothing is left.
  bool step();
  // Everything that was committed before the call.
  void catch_up();
  void rebuild();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agentcmd::store
