#pragma once
// What the disk alone says about the repository of a folder. Whether there is one at all is asked
// for every run, and a git process costs a thousand times a look. Git remains the judge: here is
// said only what is beyond doubt.

#include <filesystem>
#include <optional>
#include <string>

namespace agentcmd::git {

struct Trace {
  enum class Kind {
    none,             // the folder is in no repository
    plain,            // `path` is the .git folder of a repository
    unclear,          // `path` is a .git that only git can judge: a file, a link, a damaged folder
    perhaps_too_far,  // as unclear, but git may be kept from going there
    perhaps_bare,     // `path` may itself be a repository, without a working tree
  };
  Kind kind = Kind::none;
  std::filesystem::path path;
  bool operator==(const Trace&) const = default;
};

// From the folder upwards, as git goes; not beyond a folder .worktrees (see ceiling_of). Blocks for
// a few calls of stat.
Trace look_for_repository(const std::filesystem::path& folder);

// The folder that git must not look beyond. A worktree of ours lies within the user's checkout:
// should its .git be gone, git must fail there and not take the checkout around it.
std::optional<std::string> ceiling_of(const std::filesystem::path& path);

}  // namespace agentcmd::git
