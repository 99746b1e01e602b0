// The writing half of git.h.

#include "base/text.h"
#include "git/git.h"

#include <algorithm>

namespace agentcmd::git {
namespace {

using namespace std::chrono_literals;

GitOptions writing(std::string input = {}) {
  return GitOptions{.access = Access::write, .input = std::move(input)};
}

Task<Result<void>> change(Repository repository, std::vector<std::string> args,
                          GitOptions options) {
  const auto done = co_await git_output(std::move(repository), std::move(args), std::move(options));
  if (!done) co_return tl::unexpected(done.error());
  co_return Result<void>{};
}

// Options that give a commit a name to be made under, where git has none of its own and would
// refuse. What the user has configured is never overridden.
Task<Result<std::vector<std::string>>> identity_options(Repository repository) {
  std::vector<std::string> options;
  bool known = true;
  for (const char* variable : {"GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"}) {
    const std::vector<std::string> args{"-c", "user.useConfigOnly=true", "var", variable};
    const auto identity = co_await run_git(repository, args, {});
    if (!identity) co_return tl::unexpected(identity.error());
    known = known && identity->code == 0;
  }
  if (known) co_return options;
  const std::vector<std::pair<std::string, std::string>> defaults{
      {"user.name", "agentcmd"}, {"user.email", "agentcmd@localhost"}};
  for (const auto& [key, value] : defaults) {
    const std::vector<std::string> args{"config", "--get", key};
    const auto configured = co_await run_git(repository, args, {});
    if (!configured) co_return tl::unexpected(configured.error());
    if (configured->code == 0 && !trim(configured->out).empty()) continue;
    options.insert(options.end(), {"-c", key + "=" + value});
  }
  co_return options;
}

Result<void> check_message(std::string_view message) {
  if (!trim(message).empty()) return {};
  return fail(ErrorCode::invalid_argument, "the commit message is empty");
}

Result<void> check_no_conflicts(const Status& status) {
  std::vector<std::string> paths;
  for (const auto& entry : status.entries) {
    if (entry.kind == EntryKind::unmerged) paths.push_back(to_utf8(entry.path));
  }
  if (paths.empty()) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("there are unresolved conflicts in {}; resolve them and `git add` the "
                          "files, or abort the merge",
                          join(paths, ", ")));
}

Task<Result<CommitOutcome>> new_head(Repository repository) {
  auto head = co_await find_commit(std::move(repository), "HEAD");
  if (!head) co_return tl::unexpected(head.error());
  co_return CommitOutcome{std::move(*head)};
}

Task<Result<bool>> has_staged_changes(Repository repository) {
  const std::vector<std::string> args{"diff", "--cached", "--quiet", "--no-ext-diff"};
  const auto compared = co_await run_git(repository, args, {});
  if (!compared) co_return tl::unexpected(compared.error());
  if (compared->code > 1) co_return tl::unexpected(git_failure(repository, args, *compared));
  co_return compared->code == 1;
}

Task<Result<void>> run_commit(Repository repository, std::string message,
                              std::vector<std::string> more) {
  auto args = co_await identity_options(repository);
  if (!args) co_return tl::unexpected(args.error());
  args->insert(args->end(), {"commit", "--quiet", "--message=" + message});
  args->insert(args->end(), more.begin(), more.end());
  co_return co_await change(std::move(repository), std::move(*args), writing());
}

std::string nul_separated(const std::vector<std::string>& paths) {
  std::string text;
  for (const auto& path : paths) {
    text += path;
    text += '\0';
  }
  return text;
}

// Paths that `git add` would not know: staged as deleted, and not there.
bool is_staged_deletion(const Status& status, const std::string& path) {
  return std::ranges::any_of(status.entries, [&](const StatusEntry& entry) {
    return (entry.path == path && entry.index == 'D' && entry.worktree == '.') ||
           (entry.kind == EntryKind::renamed && entry.original_path == path);
  });
}

bool has_staged(const Status& status, const std::vector<std::string>& paths) {
  const auto is_selected = [&](std::string_view changed) {
    return std::ranges::any_of(paths, [&](const std::string& path) {
      return changed == path || path == "." ||
             changed.starts_with(path.ends_with('/') ? path : path + '/');
    });
  };
  return std::ranges::any_of(status.entries, [&](const StatusEntry& entry) {
    return entry.is_staged() && (is_selected(entry.path) || is_selected(entry.original_path));
  });
}

}  // namespace

Task<Result<void>> create_branch(Repository repository, std::string branch, std::string start) {
  if (auto named = co_await check_branch_name(repository, branch); !named) co_return named;
  const auto exists = co_await branch_exists(repository, branch);
  if (!exists) co_return tl::unexpected(exists.error());
  if (*exists) {
    co_return fail(ErrorCode::already_exists, fmt::format("branch '{}' already exists", branch));
  }
  std::vector<std::string> args{"branch", "--no-track", branch};
  if (!start.empty()) {
    if (auto named = check_name("base", start); !named) co_return named;
    args.push_back(start);
  }
  co_return co_await change(std::move(repository), std::move(args), writing());
}

Task<Result<void>> switch_branch(Repository repository, std::string branch) {
  if (auto named = check_name("branch", branch); !named) co_return named;
  std::vector<std::string> args{"switch", "--quiet", "--no-guess", branch};
  co_return co_await change(std::move(repository), std::move(args), writing());
}

Task<Result<void>> switch_to_new_branch(Repository repository, std::string branch,
                                        std::string start) {
  if (auto named = co_await check_branch_name(repository, branch); !named) co_return named;
  std::vector<std::string> args{"switch", "--quiet", "--no-track", "--create", branch};
  if (!start.empty()) {
    if (auto named = check_name("base", start); !named) co_return named;
    args.push_back(start);
  }
  co_return co_await change(std::move(repository), std::move(args), writing());
}

Task<Result<void>> switch_detached(Repository repository, std::string commit) {
  if (auto named = check_name("commit", commit); !named) co_return named;
  std::vector<std::string> args{"switch", "--quiet", "--detach", commit};
  co_return co_await change(std::move(repository), std::move(args), writing());
}

Task<Result<CommitOutcome>> commit_all(Repository repository, std::string message) {
  if (auto checked = check_message(message); !checked) co_return tl::unexpected(checked.error());
  const auto status = co_await read_status(repository);
  if (!status) co_return tl::unexpected(status.error());
  if (auto merged = check_no_conflicts(*status); !merged) co_return tl::unexpected(merged.error());
  if (status->is_clean()) co_return CommitOutcome{};

  std::vector<std::string> add{"add", "--all", "--", ":/"};
  for (const auto& entry : status->entries) {
    if (entry.kind == EntryKind::untracked && entry.path.ends_with('/')) {
      add.push_back(":(top,exclude,literal)" + entry.path);
    }
  }
  if (auto added = co_await change(repository, std::move(add), writing()); !added) {
    co_return tl::unexpected(added.error());
  }
  const auto staged = co_await has_staged_changes(repository);
  if (!staged) co_return tl::unexpected(staged.error());
  if (!*staged) co_return CommitOutcome{};
  if (auto made = co_await run_commit(repository, std::move(message), {}); !made) {
    co_return tl::unexpected(made.error());
  }
  co_return co_await new_head(std::move(repository));
}

Task<Result<CommitOutcome>> commit_paths(Repository repository, std::string message,
                                         std::vector<std::string> paths) {
  if (auto checked = check_message(message); !checked) co_return tl::unexpected(checked.error());
  const auto layout = co_await find_repository(repository);
  if (!layout) co_return tl::unexpected(layout.error());
  repository.path = layout->top_level;
  const auto status = co_await read_status(repository);
  if (!status) co_return tl::unexpected(status.error());
  if (auto merged = check_no_conflicts(*status); !merged) co_return tl::unexpected(merged.error());
  if (paths.empty() || status->is_clean()) co_return CommitOutcome{};

  auto to_add = paths;
  std::erase_if(to_add, [&](const auto& path) { return is_staged_deletion(*status, path); });
  const std::vector<std::string> from_stdin{"--pathspec-from-file=-", "--pathspec-file-nul"};
  if (!to_add.empty()) {
    std::vector<std::string> add{"--literal-pathspecs", "add", "--all"};
    add.insert(add.end(), from_stdin.begin(), from_stdin.end());
    if (auto added = co_await change(repository, std::move(add), writing(nul_separated(to_add)));
        !added) {
      co_return tl::unexpected(added.error());
    }
  }
  const auto staged = co_await read_status(repository);
  if (!staged) co_return tl::unexpected(staged.error());
  if (!has_staged(*staged, paths)) co_return CommitOutcome{};

  auto commit = co_await identity_options(repository);
  if (!commit) co_return tl::unexpected(commit.error());
  commit->insert(commit->end(),
                 {"--literal-pathspecs", "commit", "--quiet", "--only", "--message=" + message});
  commit->insert(commit->end(), from_stdin.begin(), from_stdin.end());
  if (auto made = co_await change(repository, std::move(*commit), writing(nul_separated(paths)));
      !made) {
    co_return tl::unexpected(made.error());
  }
  co_return co_await new_head(std::move(repository));
}

Task<Result<void>> add_worktree(Repository repository, NewWorktree worktree) {
  if (auto named = co_await check_branch_name(repository, worktree.branch); !named) co_return named;
  std::vector<std::string> args{"worktree", "add", "--quiet"};
  if (worktree.start) {
    if (auto named = check_name("base", *worktree.start); !named) co_return named;
    args.insert(args.end(), {"--no-track", "-b", worktree.branch});
  }
  args.insert(args.end(),
              {"--", worktree.path.string(), worktree.start ? *worktree.start : worktree.branch});
  auto options = writing();
  // A checkout of a large tree, perhaps with LFS.
  options.timeout = std::max<std::chrono::milliseconds>(repository.timeout, 10min);
  co_return co_await change(std::move(repository), std::move(args), std::move(options));
}

Task<Result<void>> remove_worktree(Repository repository, std::filesystem::path path,
                                   Changes changes) {
  std::vector<std::string> args{"worktree", "remove"};
  if (changes == Changes::discard) args.emplace_back("--force");
  args.insert(args.end(), {"--", path.string()});
  co_return co_await change(std::move(repository), std::move(args), writing());
}

Task<Result<void>> prune_worktrees(Repository repository) {
  std::vector<std::string> args{"worktree", "prune"};
  co_return co_await change(std::move(repository), std::move(args), writing());
}

}  // namespace agentcmd::git
