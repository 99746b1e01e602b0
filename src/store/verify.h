#pragma once
// Looks whether a home's store is what it promises to be, and changes nothing: the database file,
// its version, every history (it decodes, keeps the invariants of history/event.h, and folds), the
// projections against a fold of the histories, every blob by its content, and what nothing refers
// to. It reads one state of the database, also while others write to it.

#include "history/event.h"
#include "store/home.h"
#include "store/retention.h"

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace agentcmd::store {

// `problem`: something is lost, or does not work as it should. `note`: good to know.
enum class Severity { note, problem };

struct Finding {
  std::string check;  // "database", "history", "projections", "blobs", ...
  Severity severity = Severity::problem;
  std::string what;     // is the case
  std::string meaning;  // for the user
  std::string action;   // what to do; empty: nothing
};

struct VerifiedRun {
  history::RunId id;
  std::string project;
  std::string code_hash;
  std::string driver;
  bool ended = false;
};

struct Verified {
  std::vector<Finding> findings;
  bool is_readable = false;         // the rest is known
  bool projections_differ = false;  // a rebuild mends it
  std::size_t events = 0;
  std::size_t blobs = 0;
  std::uint64_t database_bytes = 0;
  std::vector<VerifiedRun> runs;
  std::vector<Leftover> leftovers;
  Garbage garbage;
};

// What else a whole history must allow (the engine's fold); throws Fault where it does not.
using Fold = std::function<void(const std::vector<history::Event>&)>;

// Blocks. What is wrong is a finding; nothing is thrown.
Verified verify_store(const Home& home, const Fold& fold);

}  // namespace agentcmd::store
