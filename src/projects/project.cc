#include "projects/project.h"

#include <fmt/format.h>

#include <system_error>

namespace agentcmd::projects {
namespace fs = std::filesystem;

fs::path definitions_folder() {
  return fs::path(".agent") / "workflows" / "definitions";
}

Result<fs::path> find_project(const fs::path& start) {
  std::error_code error;
  const auto from = fs::canonical(start, error);
  if (error) {
    return fail(ErrorCode::not_found, fmt::format("no folder '{}'", start.string()));
  }
  for (auto folder = from;; folder = folder.parent_path()) {
    if (fs::is_directory(folder / ".agent", error)) return folder;
    if (folder == folder.parent_path()) break;
  }
  return fail(
      ErrorCode::not_found,
      fmt::format("no project here: neither '{}' nor a folder above it has '.agent'. Name one with "
                  "--project DIR, or make one: agentcmd init",
                  from.string()));
}

Result<fs::path> named_project(const fs::path& folder) {
  std::error_code error;
  auto path = fs::canonical(folder, error);
  if (error || !fs::is_directory(path, error)) {
    return fail(ErrorCode::not_found,
                fmt::format("--project: '{}' is not a folder", folder.string()));
  }
  return path;
}

}  // namespace agentcmd::projects
