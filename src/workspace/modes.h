#pragma once
// The two modes that do something; workspace.cc chooses between them. A step of the work is first
// looked up and then done, so each of these may be called again at any time.

#include "git/git.h"
#include "workspace/record.h"
#include "workspace/workspace.h"

namespace agentcmd::workspace {

// The user's checkout.
struct Site {
  boost::asio::any_io_executor executor;
  BlockingPool& pool;  // outlives every operation
  git::Layout layout;

  git::Repository repository() const { return {executor, layout.top_level}; }
};

Task<Result<Workspace>> setup_worktree(Site site, WorkspaceRequest request);
Task<Result<FinalizeReport>> finalize_worktree(Site site, Workspace workspace,
                                               FinalizeRequest request);

Task<Result<Workspace>> setup_branch(Site site, WorkspaceRequest request);
Task<Result<FinalizeReport>> finalize_branch(Site site, Workspace workspace,
                                             FinalizeRequest request);

// What both modes decide at first: on which branch, from where.
struct BranchPlan {
  std::string branch;
  bool exists = false;
  std::string base;         // as the user knows it
  std::string base_commit;  // where the run's work begins
  git::Head head;           // of the user's checkout
};
Task<Result<BranchPlan>> plan_branch(Site site, WorkspaceRequest request);

// The record of the workspace that request.former->adopt names, if it is of this mode.
Task<std::optional<Record>> former_record(Site site, WorkspaceRequest request);

// Says in the former run's record that this one goes on in its workspace.
Task<Result<void>> hand_over(Site site, WorkspaceRequest request);

// The first branch "<stem>-fork-N" that there is none of.
Task<Result<std::string>> free_fork_branch(Site site, std::string stem);

// Puts record.restore into the worktree, if it is set. Of an adopted one, what is there now is kept
// as a snapshot of the run, of the step "before retry".
Task<Result<void>> restore_former(Site site, Record record, WorkspaceRequest request);

// An open record of this workspace in this mode, if there is one.
Task<std::optional<Record>> open_record(Site site, std::string id, Mode mode);

std::string commit_message(const FinalizeRequest& request);

// "3 paths (a, b, c)", for messages.
std::string list_paths(const std::vector<git::StatusEntry>& entries);

// True when the folder is a working tree by itself. Without its .git, git would find the checkout
// around it.
Task<bool> is_intact(git::Repository worktree);

// Whether submodules of the worktree, which live and die with it, have commits that no remote has.
Task<Result<bool>> has_submodule_commits(git::Repository worktree);

// Removes folder and entry of a worktree, whatever half of them is there, and whatever is in it.
Task<Result<void>> discard_worktree(Site site, std::filesystem::path path);

// True when no local branch has the commit, so that leaving it would lose it.
Task<Result<bool>> is_on_no_branch(git::Repository repository, std::string commit);

}  // namespace agentcmd::workspace
