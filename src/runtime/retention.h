#pragma once
// Deletes runs that have ended, with everything that is theirs: history, blobs, bundle, logs,
// artifacts, snapshots, worktrees. What it never deletes: a run that has not ended or that an
// unfinished one needs, one whose processes still live, and one with a worktree whose work nothing
// else has. A run goes from the database at once and as a whole; then its files go. Killed in
// between, the next call finishes them.

#include "async/task.h"
#include "base/clock.h"
#include "store/store.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

// Where both are set, a run goes only if both say so. With neither nothing goes.
struct RetentionPolicy {
  std::optional<Milliseconds> older_than;  // since it ended
  std::optional<std::size_t> keep;         // so many of the newest ended runs of each project stay
  bool is_set() const { return older_than || keep; }
};

struct PruneOptions {
  store::Home home;
  RetentionPolicy policy;
  std::string project;  // empty: all
  bool dry_run = false;
};

struct DeletedRun {
  store::EndedRun run;
  std::uint64_t history_bytes = 0;
  std::uint64_t file_bytes = 0;      // logs, artifacts
  std::uint64_t worktree_bytes = 0;  // not counted: snapshots, which share objects with the rest
};

struct KeptRun {
  history::RunId run;
  std::string why;
};

struct PruneReport {
  std::vector<DeletedRun> deleted;  // with dry_run: what would be
  std::vector<KeptRun> kept;        // that the policy would let go, or that were asked for
  // Runs that are gone, and whose files could not all be removed: the next call tries again.
  std::vector<KeptRun> unfinished;
  std::size_t finished = 0;  // deletions that an earlier call was cut off in
  store::Garbage garbage;
  std::uint64_t compacted = 0;  // bytes given back by the file of the database
};

Task<PruneReport> prune_runs(boost::asio::any_io_executor executor, store::Store& store,
                             Clock& clock, PruneOptions options);

// These, whatever their age. `runs` exist.
Task<PruneReport> delete_runs(boost::asio::any_io_executor executor, store::Store& store,
                              Clock& clock, store::Home home, std::vector<history::RunId> runs);

// Removes what is left of runs that are gone: `finished` and `unfinished` of the report.
Task<PruneReport> finish_deletions(boost::asio::any_io_executor executor, store::Store& store,
                                   store::Home home);

}  // namespace agentcmd::runtime
