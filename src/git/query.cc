// The reading half of git.h.

#include "base/text.h"
#include "git/git.h"

namespace agentcmd::git {
namespace {

// One line of git's, whose value may itself end in blanks.
std::string line_of(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

Task<Result<Status>> read_status(Repository repository) {
  std::vector<std::string> args{"status",
                                "--porcelain=v2",
                                "--branch",
                                "-z",
                                "--untracked-files=all",
                                "--ignore-submodules=none",
                                "--find-renames"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_status(*out);
}

Task<Result<std::vector<Branch>>> list_branches(Repository repository) {
  std::vector<std::string> args{"for-each-ref", "--sort=refname",
                                "--format=" + std::string(branch_format), "refs/heads",
                                "refs/remotes"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_branches(*out);
}

Task<Result<bool>> branch_exists(Repository repository, std::string branch) {
  if (auto named = check_name("branch", branch); !named) co_return tl::unexpected(named.error());
  const std::vector<std::string> args{"show-ref", "--verify", "--quiet", "refs/heads/" + branch};
  const auto found = co_await run_git(std::move(repository), args, {});
  if (!found) co_return tl::unexpected(found.error());
  co_return found->code == 0;
}

Task<Result<void>> check_branch_name(Repository repository, std::string branch) {
  if (auto named = check_name("branch", branch); !named) co_return named;
  std::vector<std::string> args{"check-ref-format", "--branch", branch};
  const auto checked = co_await run_git(std::move(repository), std::move(args), {});
  if (!checked) co_return tl::unexpected(checked.error());
  // "@{-1}" is accepted, as the name of another branch.
  if (checked->code == 0 && line_of(checked->out) == branch) co_return Result<void>{};
  co_return fail(ErrorCode::invalid_argument,
                 fmt::format("'{}' is not a branch name that git allows (no blanks, '..', '~', "
                             "'^', ':', '?', '*', '[', '\\', and no part that begins with a dot "
                             "or ends in '.lock')",
                             to_utf8(branch)));
}

Task<Result<std::optional<std::string>>> find_commit(Repository repository, std::string revision) {
  if (auto named = check_name("revision", revision); !named) {
    co_return tl::unexpected(named.error());
  }
  std::vector<std::string> args{"rev-parse", "--verify", "--quiet", revision + "^{commit}"};
  const auto found = co_await run_git(std::move(repository), std::move(args), {});
  if (!found) co_return tl::unexpected(found.error());
  if (found->code != 0) co_return std::optional<std::string>{};
  co_return std::optional(line_of(found->out));
}

Task<Result<std::vector<std::string>>> branches_containing(Repository repository,
                                                           std::string commit) {
  if (auto named = check_name("commit", commit); !named) co_return tl::unexpected(named.error());
  std::vector<std::string> args{"for-each-ref", "--format=%(refname:lstrip=2)",
                                "--contains=" + commit, "refs/heads"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  auto names = split(*out, '\n');
  std::erase(names, "");
  co_return names;
}

Task<Result<std::optional<std::string>>> merge_base(Repository repository, std::string one,
                                                    std::string other) {
  for (const auto& name : {one, other}) {
    if (auto named = check_name("revision", name); !named) co_return tl::unexpected(named.error());
  }
  const std::vector<std::string> args{"merge-base", one, other};
  const auto found = co_await run_git(repository, args, {});
  if (!found) co_return tl::unexpected(found.error());
  if (found->code == 1) co_return std::optional<std::string>{};
  if (found->code != 0) co_return tl::unexpected(git_failure(repository, args, *found));
  co_return std::optional(line_of(found->out));
}

Task<Result<Diffstat>> diffstat(Repository repository, std::string from, std::string to) {
  if (auto named = check_name("revision", to); !named) co_return tl::unexpected(named.error());
  if (from.empty()) {
    // The tree without entries; its id depends on the repository's hash function.
    std::vector<std::string> args{"hash-object", "-t", "tree", "--stdin"};
    const auto empty = co_await git_output(repository, std::move(args), {});
    if (!empty) co_return tl::unexpected(empty.error());
    from = line_of(*empty);
  }
  if (auto named = check_name("revision", from); !named) co_return tl::unexpected(named.error());
  std::vector<std::string> args{
      "diff", "--numstat", "-z", "--find-renames", "--no-ext-diff", "--no-textconv",
      from,   to,          "--"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_numstat(*out);
}

Task<Result<std::vector<Commit>>> commits_since(Repository repository, std::string base,
                                                std::string head) {
  if (auto named = check_name("revision", head); !named) co_return tl::unexpected(named.error());
  if (!base.empty()) {
    if (auto named = check_name("revision", base); !named) co_return tl::unexpected(named.error());
  }
  const auto range = base.empty() ? head : base + ".." + head;
  std::vector<std::string> args{
      "log", "-z", "--no-show-signature", "--format=tformat:" + std::string(commit_format),
      range, "--"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_commits(*out);
}

Task<Result<std::vector<WorktreeEntry>>> list_worktrees(Repository repository) {
  std::vector<std::string> args{"worktree", "list", "--porcelain", "-z"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_worktrees(*out);
}

Task<Result<std::optional<std::string>>> push_url(Repository repository, std::string remote) {
  if (auto named = check_name("remote", remote); !named) co_return tl::unexpected(named.error());
  std::vector<std::string> args{"remote", "get-url", "--push", "--", remote};
  const auto found = co_await run_git(std::move(repository), std::move(args), {});
  if (!found) co_return tl::unexpected(found.error());
  if (found->code != 0) co_return std::optional<std::string>{};
  co_return std::optional(line_of(found->out));
}

}  // namespace agentcmd::git
