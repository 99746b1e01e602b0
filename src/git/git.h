#pragma once
// What agentcmd asks of git. Every function works from any folder of the working tree. Names that
// begin with a dash are refused (invalid_argument) before git sees them. Where git itself refuses,
// the error is failed_precondition with git's own words.

#include "git/porcelain.h"
#include "git/repository.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::git {

// Where the parts of a repository are. Absolute, as git resolves them.
struct Layout {
  std::filesystem::path top_level;   // of this working tree
  std::filesystem::path git_dir;     // of this working tree
  std::filesystem::path common_dir;  // shared by all working trees
  std::filesystem::path prefix;      // from the top to the folder asked for; empty at the top
};

// not_found: not in a repository. failed_precondition: a bare repository, a folder inside .git, or
// a .git that git does not accept. One process; none where no folder above has a .git.
Task<Result<Layout>> find_repository(Repository repository);

// False also for a folder that does not exist.
Task<bool> is_repository(Repository repository);

struct Head {
  std::optional<std::string> branch;  // nothing: detached
  std::optional<std::string> commit;  // nothing: no commit yet (unborn branch)
};
// Errors as those of find_repository, and as cheap.
Task<Result<Head>> read_head(Repository repository);

// Both of a checkout for the price of one.
struct Checkout {
  Layout layout;
  Head head;
};
Task<Result<Checkout>> read_checkout(Repository repository);

// Every untracked file by itself; the state of submodules whatever the user's configuration hides.
Task<Result<Status>> read_status(Repository repository);

// Local and remote ones, sorted by name.
Task<Result<std::vector<Branch>>> list_branches(Repository repository);
Task<Result<bool>> branch_exists(Repository repository, std::string branch);

// invalid_argument for what git does not take as the name of a branch.
Task<Result<void>> check_branch_name(Repository repository, std::string branch);

// The id of the commit that `revision` names, or nothing.
Task<Result<std::optional<std::string>>> find_commit(Repository repository, std::string revision);

// Local branches that hold the commit.
Task<Result<std::vector<std::string>>> branches_containing(Repository repository,
                                                           std::string commit);
Task<Result<std::optional<std::string>>> merge_base(Repository repository, std::string one,
                                                    std::string other);

// What `to` changes against `from`; an empty `from` stands for nothing at all.
Task<Result<Diffstat>> diffstat(Repository repository, std::string from, std::string to);

// Those of `head` that `base` does not have, newest first. An empty `base` gives all.
Task<Result<std::vector<Commit>>> commits_since(Repository repository, std::string base,
                                                std::string head);

Task<Result<std::vector<WorktreeEntry>>> list_worktrees(Repository repository);

// Where a push to `remote` goes; nothing when there is no such remote.
Task<Result<std::optional<std::string>>> push_url(Repository repository, std::string remote);

// Makes the branch at `start` (HEAD when empty) without switching; already_exists.
Task<Result<void>> create_branch(Repository repository, std::string branch, std::string start);

// As `git switch`: carries uncommitted changes along, or refuses and changes nothing.
Task<Result<void>> switch_branch(Repository repository, std::string branch);
Task<Result<void>> switch_to_new_branch(Repository repository, std::string branch,
                                        std::string start);
Task<Result<void>> switch_detached(Repository repository, std::string commit);

struct CommitOutcome {
  std::optional<std::string> commit;  // nothing: there was nothing to commit
};

// Commits every change, also untracked files. Refuses (failed_precondition) where conflicts are
// unresolved. Repositories inside this one that are not submodules are left out: recorded, they
// would be links to commits that nobody has. Where git knows no name to commit as, the commit is by
// "agentcmd <agentcmd@localhost>".
Task<Result<CommitOutcome>> commit_all(Repository repository, std::string message);

// Commits these paths (relative to the top; files or folders) and nothing else; what else is staged
// stays staged. Refuses as commit_all() does.
Task<Result<CommitOutcome>> commit_paths(Repository repository, std::string message,
                                         std::vector<std::string> paths);

struct NewWorktree {
  std::filesystem::path path;
  std::string branch;
  std::optional<std::string> start;  // makes the branch there; without it the branch exists
};
Task<Result<void>> add_worktree(Repository repository, NewWorktree worktree);

// `discard` also removes one that has changes or submodules.
enum class Changes { keep, discard };
Task<Result<void>> remove_worktree(Repository repository, std::filesystem::path path,
                                   Changes changes);
Task<Result<void>> prune_worktrees(Repository repository);

}  // namespace agentcmd::git
