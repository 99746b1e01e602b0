#pragma once
// What git prints for programs, as values. Pure. Paths are bytes as git gives them, relative to the
// top of the working tree. Text that is not what git promises is a Fault.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::git {

enum class EntryKind { changed, renamed, copied, unmerged, untracked, ignored };

struct StatusEntry {
  EntryKind kind = EntryKind::changed;
  char index = '.';           // '.', M, T, A, D, R, C, U: index against HEAD
  char worktree = '.';        // the same, working tree against index
  std::string path;           // ends in '/' for an untracked repository within this one
  std::string original_path;  // of renamed and copied entries
  bool is_submodule = false;
  bool is_staged() const { return index != '.' && kind != EntryKind::untracked; }
  bool operator==(const StatusEntry&) const = default;
};

struct Status {
  std::string commit;    // empty: no commit yet
  std::string branch;    // empty: detached
  std::string upstream;  // empty: none
  int ahead = 0;
  int behind = 0;
  std::vector<StatusEntry> entries;  // one for each path
  bool is_clean() const { return entries.empty(); }
  bool operator==(const Status&) const = default;
};

// `git status --porcelain=v2 --branch -z`
Status parse_status(std::string_view text);

struct Diffstat {
  std::int64_t files = 0;
  std::int64_t insertions = 0;
  std::int64_t deletions = 0;
  bool operator==(const Diffstat&) const = default;
};

// `git diff --numstat -z`; a binary file counts as a file without lines.
Diffstat parse_numstat(std::string_view text);

struct FileChange {
  std::string path;
  std::int64_t insertions = 0;
  std::int64_t deletions = 0;
  bool binary = false;  // then it has no lines
  bool operator==(const FileChange&) const = default;
};

// `git diff --numstat --no-renames -z`
std::vector<FileChange> parse_file_changes(std::string_view text);

// "3 files changed, 10 insertions(+), 2 deletions(-)", or "no changes".
std::string to_string(const Diffstat& diffstat);

struct WorktreeEntry {
  std::string path;
  std::string commit;  // empty for a bare repository
  std::string branch;  // without refs/heads/; empty when detached
  bool bare = false;
  std::optional<std::string> locked;    // the reason
  std::optional<std::string> prunable;  // the reason
  bool operator==(const WorktreeEntry&) const = default;
};

// `git worktree list --porcelain -z`; the first is the main working tree.
std::vector<WorktreeEntry> parse_worktrees(std::string_view text);

struct Branch {
  std::string name;    // "main", "origin/main"
  std::string remote;  // "origin"; empty for a local one
  std::string commit;
  std::string upstream;
  bool current = false;
  bool operator==(const Branch&) const = default;
};

// `git for-each-ref` in the format branch_format.
inline constexpr std::string_view branch_format =
    "%(refname)%00%(objectname)%00%(upstream:short)%00%(HEAD)%00%(symref)";
std::vector<Branch> parse_branches(std::string_view text);

struct Commit {
  std::string id;
  std::string author;
  std::string email;
  std::string at;       // ISO 8601
  std::string message;  // whole, without the newlines at its end
  bool operator==(const Commit&) const = default;
  std::string subject() const { return message.substr(0, message.find('\n')); }
};

// `git log -z` in the format commit_format.
inline constexpr std::string_view commit_format = "%H%x00%an%x00%ae%x00%aI%x00%B";
std::vector<Commit> parse_commits(std::string_view text);

}  // namespace agentcmd::git
