#pragma once
// Runs that go. A run is forgotten as a whole, in one transaction that removes its history, its
// projections and its requests and notes that its files are still there; who has removed those says
// so. Killed in between, the note is left for the next one to act upon, and no part of the run is
// shown any more. Blobs and bundles go when nothing refers to them.

#include "async/task.h"
#include "history/event.h"
#include "store/catalog.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agentcmd::store {

struct EndedRun {
  history::RunId id;
  std::string project;
  std::string definition;
  std::string name;
  RunStatus status = RunStatus::completed;
  Time created_at;
  Time ended_at;
  std::string needed;  // why it must stay for now (a child of it runs, ...); empty: it may go
};

struct Refusal {
  history::RunId run;
  std::string why;  // for the user
  bool operator==(const Refusal&) const = default;
};

// A forgotten run whose files have not been removed yet.
struct Leftover {
  history::RunId run;
  std::string project;
  bool operator==(const Leftover&) const = default;
};

// Files that nothing refers to.
struct Garbage {
  std::size_t blobs = 0;
  std::size_t bundles = 0;
  std::uint64_t bytes = 0;
  bool in_use = false;  // somebody relies on such files now, so they were left
  bool operator==(const Garbage&) const = default;
};

class Retention {
 public:
  virtual ~Retention() = default;
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // Of the project (empty: of all), newest first.
  virtual Task<std::vector<EndedRun>> ended(std::string project) = 0;

  // Bytes of its history in the database.
  virtual Task<std::uint64_t> bytes_of(history::RunId run) = 0;

  // Forgets those that have ended and that no unfinished run needs. Durable upon return. A run that
  // does not exist counts as forgotten.
  virtual Task<std::vector<Refusal>> forget(std::vector<history::RunId> runs, Time at) = 0;

  virtual Task<std::vector<Leftover>> leftovers() = 0;
  virtual Task<> files_removed(std::vector<history::RunId> runs) = 0;

  // What nothing would refer to without these runs.
  virtual Task<Garbage> garbage_without(std::vector<history::RunId> runs) = 0;
  // Removes what nothing refers to. Bundles are kept for a day: one is made some time before the
  // run that is pinned to it.
  virtual Task<Garbage> sweep() = 0;

  // Gives the space of the database file back to the file system, where that is a large part of it.
  // Bytes given back.
  virtual Task<std::uint64_t> compact() = 0;

 protected:
  Retention() = default;
};

}  // namespace agentcmd::store
