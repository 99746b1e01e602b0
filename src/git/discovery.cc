#include "git/discovery.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

// Also when we are not allowed to know.
bool may_exist(const fs::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool is_folder(const fs::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// What git looks for in a .git folder. With "commondir" its objects and branches are elsewhere.
bool is_plain(const fs::path& git_dir) {
  struct stat head{};
  return is_folder(git_dir) && ::lstat((git_dir / "HEAD").c_str(), &head) == 0 &&
         S_ISREG(head.st_mode) && is_folder(git_dir / "objects") && is_folder(git_dir / "refs") &&
         !may_exist(git_dir / "commondir");
}

// Git stops at the border of a file system, and where the user tells it to.
bool git_goes_as_far_as(const fs::path& from, const fs::path& to) {
  struct stat start{};
  struct stat end{};
  return ::getenv("GIT_CEILING_DIRECTORIES") == nullptr && ::stat(from.c_str(), &start) == 0 &&
         ::stat(to.c_str(), &end) == 0 && start.st_dev == end.st_dev;
}

}  // namespace

Trace look_for_repository(const fs::path& folder) {
  using enum Trace::Kind;
  std::error_code error;
  const auto start = fs::canonical(folder, error);
  if (error) return {unclear, folder};
  fs::path ceiling;
  if (const auto named = ceiling_of(folder)) ceiling = fs::canonical(*named, error);
  for (auto at = start;; at = at.parent_path()) {
    if (at == ceiling && at != start) return {};
    const auto git = at / ".git";
    if (may_exist(git)) {
      if (!git_goes_as_far_as(start, at)) return {perhaps_too_far, git};
      return {is_plain(git) ? plain : unclear, git};
    }
    if (may_exist(at / "HEAD")) return {perhaps_bare, at};
    if (at == at.parent_path()) return {};
  }
}

std::optional<std::string> ceiling_of(const fs::path& path) {
  fs::path folder;
  for (const auto& part : path) {
    folder /= part;
    if (part == ".worktrees") return folder.string();
  }
  return std::nullopt;
}

}  // namespace agentcmd::git
