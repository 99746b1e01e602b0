#pragma once
// Did it happen? For git steps whose attempt was lost: the answer is in the repository.

#include "git/git.h"

namespace agentcmd::git {

// The commit with this message that was made upon `head_before` (empty: upon nothing), or nothing.
// Subjects are compared: hooks may add lines to a message.
Task<Result<std::optional<std::string>>> find_made_commit(Repository repository,
                                                          std::string head_before,
                                                          std::string message);

// True when `branch` exists and is checked out in this working tree.
Task<Result<bool>> is_on_branch(Repository repository, std::string branch);

// True when a whole working tree of `branch` is at `path`.
Task<Result<bool>> is_worktree_of(Repository repository, std::filesystem::path path,
                                  std::string branch);

// True when neither git nor the folder knows of a working tree at `path`.
Task<Result<bool>> is_worktree_gone(Repository repository, std::filesystem::path path);

// The entry for `path`, compared as the kernel resolves both.
Task<Result<std::optional<WorktreeEntry>>> find_worktree(Repository repository,
                                                         std::filesystem::path path);

}  // namespace agentcmd::git
