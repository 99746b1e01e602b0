#pragma once
// Makes a folder a project: a sample definition, and what an editor needs to complete the SDK. What
// is there already stays as it is.

#include "base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::projects {

struct InitResult {
  std::filesystem::path project;     // absolute
  std::vector<std::string> created;  // files, relative to the project
  std::vector<std::string> updated;
  std::vector<std::string> kept;
};

// `folder` is created if need be. The types come from `libexec`/types. Throws Fault when something
// cannot be written; invalid_argument when `folder` is a file.
Result<InitResult> init_project(const std::filesystem::path& folder,
                                const std::filesystem::path& libexec);

}  // namespace agentcmd::projects
