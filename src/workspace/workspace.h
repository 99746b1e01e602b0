#pragma once
// Where a run works. In mode worktree it has a working tree of its own and the user's checkout
// (files, index, stash, branch) is not touched; in mode branch it works in the checkout, on a
// branch, and the branch that the user was on is restored at the end; in mode stay nothing is done.
//
// Both operations may be repeated after a crash at any point: what is intended is written down
// first (record.h), and what has been done is looked up in the repository.

#include "async/blocking.h"
#include "async/task.h"
#include "base/json.h"
#include "base/result.h"
#include "git/git.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::workspace {

// Stored by name.
enum class Mode { stay, branch, worktree };
std::string_view to_string(Mode mode);
Result<Mode> mode_from(std::string_view name);

// What a fork or a retry of another run begins with (mode worktree; `run` also in mode branch).
struct FormerWork {
  // Commit of a snapshot (snapshot.h): the worktree gets its files and its HEAD.
  std::string snapshot;
  // Id of a workspace that this run goes on in, as it is or as in `snapshot`. Where nothing is left
  // of it, its branch is gone on with.
  std::string adopt;
  // Without `adopt`: the worktree is a new one, on a new branch: `stem` with "-fork-" and the first
  // number that is free. `base_commit` (empty: HEAD of the snapshot) is where the work began.
  std::string stem;
  std::string base;
  std::string base_commit;
};

struct WorkspaceRequest {
  std::filesystem::path project;
  std::string run;
  std::string key;  // of the step that asks; empty for the workspace of the run itself
  std::string run_name;
  Mode mode = Mode::stay;
  std::string branch;         // empty: worktree_name, else agentcmd/<run name>-<run>
  std::string base;           // where a new branch starts; empty: what is checked out
  std::string worktree_name;  // of the folder; empty: the branch
  std::optional<FormerWork> former;
  // The whole environment of the project's set-up command; without it ours.
  std::optional<std::map<std::string, std::string>> env;
};

struct Workspace {
  Mode mode = Mode::stay;
  std::string id;  // run, and key where there is one
  std::filesystem::path project;
  std::filesystem::path working_dir;  // the project's folder within the working tree
  std::optional<std::filesystem::path> worktree_path;
  std::optional<std::string> worktree_name;
  std::string branch;                          // empty: no repository, or a detached HEAD
  std::optional<std::string> original_branch;  // mode branch; nothing if HEAD was detached
  std::string original_commit;
  std::string base;         // branch, revision or commit that the work began from
  std::string base_commit;  // empty: no repository, or no commit yet
  bool operator==(const Workspace&) const = default;
};

Json to_json(const Workspace& workspace);
Result<Workspace> workspace_from_json(const Json& json);

// What processes of a run get, beside their own environment: git started in a worktree whose .git
// is gone must not find the user's checkout around it.
std::map<std::string, std::string> workspace_environment(const Workspace& workspace);

// Errors: not_found (no such project, no repository, no such base), failed_precondition (no commit
// yet, git refuses, the set-up command failed), conflict (the branch is in use elsewhere),
// invalid_argument (names). A worktree that could not be made fit to work in is kept; a repetition
// goes on with it.
Task<Result<Workspace>> setup_workspace(boost::asio::any_io_executor executor, BlockingPool& pool,
                                        WorkspaceRequest request);

// Whether setup_workspace() can begin, as far as that can be known without changing anything: the
// repository, its first commit, the base, the name of the branch. Errors as there.
Task<Result<void>> check_workspace(boost::asio::any_io_executor executor, BlockingPool& pool,
                                   WorkspaceRequest request);

// As setup_workspace() where nothing is to be done but to look: mode stay, in no repository or in a
// plain one that lists our files already. Else nothing, and nothing is known. Blocks for a few
// looks at files.
std::optional<Workspace> look_at_workspace(const WorkspaceRequest& request);

enum class Outcome { completed, failed, cancelled };
std::string_view to_string(Outcome outcome);

struct FinalizeRequest {
  Outcome outcome = Outcome::completed;
  bool preserve = false;
  std::string run_name;
};

struct FinalizeReport {
  std::optional<std::string> commit_sha;  // of the automatic commit
  bool kept = false;                      // the worktree, or the checkout on the run's branch
  bool removed = false;                   // the worktree is gone
  std::string message;                    // for the user: what was done, or why it was not
  std::string branch;                     // the one that has the work
  git::Diffstat diffstat;                 // committed since base_commit
  bool operator==(const FinalizeReport&) const = default;
};

Json to_json(const FinalizeReport& report);

// Completed: commits what is left as "chore: Workflow '<run name>' auto-commit", then removes the
// worktree (or restores the branch) unless `preserve`; but only after it is proven that nothing is
// lost by that, else keeps it and says why. Failed or cancelled: commits nothing and keeps it. In
// mode branch, files that had uncommitted changes before the run and are unchanged since are left
// as they are. Errors only where the repository cannot be read.
Task<Result<FinalizeReport>> finalize_workspace(boost::asio::any_io_executor executor,
                                                BlockingPool& pool, Workspace workspace,
                                                FinalizeRequest request);

// As look_at_workspace(): nothing was committed in a workspace of mode stay.
std::optional<FinalizeReport> look_at_end(const Workspace& workspace);

// Commits what the run has changed, wherever in a working tree `repository` is. In a checkout that
// is in mode branch, files that had uncommitted changes before the run and are unchanged since are
// left as they are, staged or not; elsewhere every change is taken (git::commit_all).
Task<Result<git::CommitOutcome>> commit_work(git::Repository repository, BlockingPool& pool,
                                             std::string run, std::string message);

}  // namespace agentcmd::workspace
