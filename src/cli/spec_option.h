#pragma once
// --spec-file, --spec-content and --spec-type of `run`: what the run is to bring about, in a file.

#include "base/json.h"
#include "base/result.h"
#include "cli/commands.h"

#include <filesystem>

namespace agentcmd::cli {

// What they add to the run's request: {}, or {"specFile" | "specContent", "specType"?}. A file is
// named relative to the project's .agent/specs or to the project where it lies within, so that a
// worktree has its own; else by its absolute path. not_found names where it was looked for.
Result<Json> spec_request(const RunCommand& command, const std::filesystem::path& cwd,
                          const std::filesystem::path& project);

}  // namespace agentcmd::cli
