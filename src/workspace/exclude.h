#pragma once
// Keeps what agentcmd puts into a project out of every commit, also where `agentcmd init` was never
// called, without a change to a file that the user has under version control.

#include "base/result.h"

#include <filesystem>

namespace agentcmd::workspace {

// Adds `.worktrees/` and the folder of run logs to <common_dir>/info/exclude, once, whoever else
// does so at the same time. permission_denied for a repository that is read-only. Blocks.
Result<void> exclude_own_files(const std::filesystem::path& common_dir);

// Whether they are there already. Blocks.
bool excludes_own_files(const std::filesystem::path& common_dir);

}  // namespace agentcmd::workspace
