#pragma once
// What runs have left in the repository of a project: worktrees with the records that name them,
// and snapshots of files. Retention removes them together with the run, but never work that nothing
// else has: a worktree with uncommitted changes stays, and so does one with commits that are on no
// other branch and on no remote.

#include "async/blocking.h"
#include "async/task.h"
#include "base/result.h"
#include "git/git.h"
#include "workspace/record.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::workspace {

// Those of all runs, by run.
struct RunTraces {
  std::optional<git::Layout> layout;  // nothing: the project is in no repository
  std::map<std::string, std::vector<Record>> workspaces;
  std::map<std::string, std::vector<std::string>> snapshots;  // refs
};

// A project that is gone or is in no repository has none. Errors where git cannot read it.
Task<Result<RunTraces>> find_traces(boost::asio::any_io_executor executor, BlockingPool& pool,
                                    std::filesystem::path project);

// Worktrees of the run that are still there.
std::vector<std::filesystem::path> worktrees_of(const RunTraces& traces, const std::string& run);

// Why the run's worktrees must stay, for the user; empty when nothing would be lost.
Task<Result<std::string>> unsaved_work(boost::asio::any_io_executor executor, BlockingPool& pool,
                                       RunTraces traces, std::string run);

// Removes worktrees, records and snapshots of the run; branches stay. May be repeated after a crash
// at any point. failed_precondition, with the reason, where a worktree has unsaved work or cannot
// be removed: then it and its record stay.
Task<Result<void>> remove_traces(boost::asio::any_io_executor executor, BlockingPool& pool,
                                 RunTraces traces, std::string run);

}  // namespace agentcmd::workspace
