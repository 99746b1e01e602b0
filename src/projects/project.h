#pragma once
// A project is a folder with `.agent` in it; what agentcmd reads and writes of a project lies
// below.

#include "base/result.h"

#include <filesystem>

namespace agentcmd::projects {

// Where definitions are, relative to the project.
std::filesystem::path definitions_folder();

// The nearest folder with `.agent`, from `start` upwards. not_found with the way out (init).
Result<std::filesystem::path> find_project(const std::filesystem::path& start);

// A folder that the user named as the project: absolute, links resolved. not_found if it is not a
// folder; it need not have `.agent`.
Result<std::filesystem::path> named_project(const std::filesystem::path& folder);

}  // namespace agentcmd::projects
