#include "git/probe.h"

#include "base/text.h"

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

bool is_same_path(const fs::path& one, const fs::path& other) {
  std::error_code ignored;
  return one == other || fs::weakly_canonical(one, ignored) == fs::weakly_canonical(other, ignored);
}

std::string_view subject(std::string_view message) {
  message = trim(message);
  return trim(message.substr(0, message.find('\n')));
}

}  // namespace

Task<Result<std::optional<std::string>>> find_made_commit(Repository repository,
                                                          std::string head_before,
                                                          std::string message) {
  const auto head = co_await find_commit(repository, "HEAD");
  if (!head) co_return tl::unexpected(head.error());
  if (!*head || **head == head_before) co_return std::optional<std::string>{};
  const auto commits = co_await commits_since(repository, head_before, "HEAD");
  if (!commits) co_return tl::unexpected(commits.error());
  // Newest first: the one made directly upon `head_before` is the last.
  for (auto commit = commits->rbegin(); commit != commits->rend(); ++commit) {
    if (subject(commit->message) == subject(message)) co_return std::optional(commit->id);
  }
  co_return std::optional<std::string>{};
}

Task<Result<bool>> is_on_branch(Repository repository, std::string branch) {
  const auto head = co_await read_head(std::move(repository));
  if (!head) co_return tl::unexpected(head.error());
  co_return head->commit.has_value() && head->branch == branch;
}

Task<Result<std::optional<WorktreeEntry>>> find_worktree(Repository repository,
                                                         std::filesystem::path path) {
  const auto worktrees = co_await list_worktrees(std::move(repository));
  if (!worktrees) co_return tl::unexpected(worktrees.error());
  for (const auto& entry : *worktrees) {
    if (is_same_path(entry.path, path)) co_return std::optional(entry);
  }
  co_return std::optional<WorktreeEntry>{};
}

Task<Result<bool>> is_worktree_of(Repository repository, std::filesystem::path path,
                                  std::string branch) {
  const auto entry = co_await find_worktree(repository, path);
  if (!entry) co_return tl::unexpected(entry.error());
  if (!*entry || (*entry)->branch != branch) co_return false;
  // A checkout that was cut off leaves files that are missing: the index is written last.
  repository.path = path;
  const auto layout = co_await find_repository(repository);
  if (!layout) co_return false;
  co_return fs::exists(layout->git_dir / "index");
}

Task<Result<bool>> is_worktree_gone(Repository repository, std::filesystem::path path) {
  const auto entry = co_await find_worktree(std::move(repository), path);
  if (!entry) co_return tl::unexpected(entry.error());
  std::error_code ignored;
  co_return !*entry && !fs::exists(fs::symlink_status(path, ignored));
}

}  // namespace agentcmd::git
