#pragma once
// The files of a run as they were before one of its steps, untracked ones too, kept as a commit
// under refs/agentcmd/<run>/<step>: git stores what did not change once, and neither status, log,
// branches nor stash show it. Files that are ignored are not kept. Nothing that the user sees is
// changed: index, HEAD and files stay byte for byte as they are.

#include "async/blocking.h"
#include "async/task.h"
#include "base/result.h"
#include "git/repository.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::workspace {

// "refs/agentcmd/r1/build%2Fcompile". Distinct keys have distinct names, whatever is in them.
std::string snapshot_ref(std::string_view run, std::string_view step);

struct SnapshotRequest {
  std::filesystem::path folder;  // any one of the run's working tree
  std::string run;
  std::vector<std::string> steps;  // keys of those that the snapshot is for
};

// A file that the snapshot does not have, and why.
struct LeftOut {
  std::string path;  // relative to the top of the working tree
  std::string why;
  bool operator==(const LeftOut&) const = default;
};

struct Snapshot {
  std::string commit;  // its parent is what HEAD was
  std::vector<LeftOut> left_out;
};

// Files that are too large (limits.h), unreadable, no files, or within another repository are left
// out. The same files upon the same HEAD are the same commit. not_found where the folder is in no
// repository; else what git says.
Task<Result<Snapshot>> take_snapshot(boost::asio::any_io_executor executor, BlockingPool& pool,
                                     SnapshotRequest request);

// Makes the files of the working tree what they were, and HEAD with them. What was left out of the
// snapshot, what is left out now, and ignored files are not touched.
Task<Result<void>> restore_snapshot(boost::asio::any_io_executor executor, BlockingPool& pool,
                                    std::filesystem::path worktree, std::string snapshot);

// Forgets the snapshots of a run; git removes them when it next collects garbage. The value is how
// many there were.
Task<Result<std::size_t>> drop_snapshots(git::Repository repository, std::string run);

// "big.iso (80 MiB; at most 64 MiB are kept)", a few of them, for messages.
std::string describe(const std::vector<LeftOut>& left_out);

}  // namespace agentcmd::workspace
