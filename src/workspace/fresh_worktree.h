#pragma once
// What a fresh worktree lacks to be fit to work in: ignored files that the project names in
// .worktreeinclude (gitignore syntax), submodules, and what the set-up command makes ("setup" in
// .agent/config.json). Copying happens before the command, which may need what is copied.

#include "async/blocking.h"
#include "async/task.h"
#include "base/result.h"
#include "git/git.h"
#include "workspace/workspace.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::workspace {

// The environment of the set-up command: WorkspaceRequest::env.
using SetupEnvironment = std::optional<std::map<std::string, std::string>>;

// May be repeated. failed_precondition when the set-up command or a submodule fails, with the end
// of its output.
Task<Result<void>> make_fit_to_work(boost::asio::any_io_executor executor, BlockingPool& pool,
                                    git::Layout checkout, Workspace workspace,
                                    SetupEnvironment env);

// Copies files (links as links, with permissions and times) from one tree to the other. Refuses
// permission_denied where a folder of the target is a symbolic link: it may lead elsewhere. Blocks.
Result<void> copy_files(const std::filesystem::path& from, const std::filesystem::path& to,
                        const std::vector<std::string>& paths);

}  // namespace agentcmd::workspace
