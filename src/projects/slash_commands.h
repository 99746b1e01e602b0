#pragma once
// The slash commands of a project (.claude/commands), as a TypeScript module that makes calls of
// them checked. What they are is read by the SDK (sdk/src/slash_commands.ts), in a worker, so that
// a workflow which reads them itself sees the same.

#include "projects/definitions.h"

#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::projects {

struct SlashCommandTypes {
  std::string code;
  std::vector<std::string> commands;  // "/cmd:generate-spec"
  std::vector<std::string> problems;  // what of a file could not be used: "cmd/a.md: …"
};

// not_found without a folder of commands; resource_exhausted where they are too large together.
Task<Result<SlashCommandTypes>> slash_command_types(Loader loader, std::filesystem::path project);

}  // namespace agentcmd::projects
