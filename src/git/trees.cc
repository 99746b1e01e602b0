#include "git/trees.h"

#include "base/log.h"
#include "base/text.h"
#include "git/git.h"

namespace agentcmd::git {
namespace {

using namespace std::chrono_literals;

// Checking out a large tree, perhaps with filters.
constexpr auto restore_max = 10min;

std::string line_of(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string nul_separated(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) {
    text += part;
    text += '\0';
  }
  return text;
}

Task<Result<void>> change(Repository repository, std::vector<std::string> args,
                          GitOptions options) {
  options.access = Access::write;
  const auto done = co_await git_output(std::move(repository), std::move(args), std::move(options));
  if (!done) co_return tl::unexpected(done.error());
  co_return Result<void>{};
}

Task<Result<void>> change_slowly(Repository repository, std::vector<std::string> args) {
  GitOptions options{.access = Access::write, .input = {}, .timeout = restore_max};
  co_return co_await change(std::move(repository), std::move(args), std::move(options));
}

// Those that are checked out follow the index. Where a commit of one cannot be had, it stays as it
// is: nobody but its former working tree may have it.
Task<> update_submodules(Repository repository) {
  std::error_code ignored;
  if (!std::filesystem::exists(repository.path / ".gitmodules", ignored)) co_return;
  std::vector<std::string> args{"submodule", "update", "--recursive", "--quiet"};
  const auto done = co_await change_slowly(std::move(repository), std::move(args));
  if (!done) log::warn("git.submodules_not_restored", {{"reason", done.error().message}});
}

std::vector<std::string> diff_of(std::vector<std::string> how, std::string from, std::string to) {
  how.insert(how.begin(), {"diff", "--no-ext-diff", "--no-textconv", "--no-renames"});
  how.insert(how.end(), {std::move(from), std::move(to), "--"});
  return how;
}

Result<void> check_revisions(std::string_view from, std::string_view to) {
  if (auto named = check_name("revision", from); !named) return named;
  return check_name("revision", to);
}

}  // namespace

Task<Result<Status>> read_changes(Repository repository) {
  std::vector<std::string> args{"status",
                                "--porcelain=v2",
                                "--branch",
                                "-z",
                                "--no-ahead-behind",
                                "--no-renames",
                                "--untracked-files=all",
                                "--ignore-submodules=none"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_status(*out);
}

Task<Result<std::string>> write_tree(Repository repository, std::filesystem::path index,
                                     TreeChanges changes) {
  // A split index would leave its shared half in the repository; many new objects are made durable
  // together.
  const std::vector<std::string> update{"-c", "core.splitIndex=false", "-c",
                                        "core.fsyncMethod=batch", "update-index"};
  GitOptions options{.access = Access::write, .input = {}};
  options.env["GIT_INDEX_FILE"] = index.string();
  // By name alone: what is removed may now lie beyond a symbolic link.
  if (!changes.removed.empty()) {
    auto args = update;
    args.insert(args.end(), {"--force-remove", "-z", "--stdin"});
    options.input = nul_separated(changes.removed);
    if (auto done = co_await change(repository, std::move(args), options); !done) {
      co_return tl::unexpected(done.error());
    }
  }
  if (!changes.changed.empty()) {
    auto args = update;
    args.insert(args.end(), {"--add", "--remove", "--replace", "-z", "--stdin"});
    options.input = nul_separated(changes.changed);
    if (auto done = co_await change(repository, std::move(args), options); !done) {
      co_return tl::unexpected(done.error());
    }
  }
  options.input.clear();
  std::vector<std::string> write{"write-tree"};
  auto tree = co_await git_output(std::move(repository), std::move(write), std::move(options));
  if (!tree) co_return tree;
  co_return line_of(*std::move(tree));
}

Task<Result<std::string>> commit_tree(Repository repository, std::string tree, std::string parent,
                                      std::string message) {
  std::vector<std::string> args{"commit-tree", std::move(tree), "-m", std::move(message)};
  if (!parent.empty()) args.insert(args.end(), {"-p", std::move(parent)});
  GitOptions options{.access = Access::write, .input = {}};
  for (const std::string who : {"GIT_AUTHOR", "GIT_COMMITTER"}) {
    options.env[who + "_NAME"] = "agentcmd";
    options.env[who + "_EMAIL"] = "agentcmd@localhost";
    options.env[who + "_DATE"] = "@0 +0000";
  }
  auto commit = co_await git_output(std::move(repository), std::move(args), std::move(options));
  if (!commit) co_return commit;
  co_return line_of(*std::move(commit));
}

Task<Result<void>> put_refs(Repository repository, std::vector<std::string> refs,
                            std::string commit) {
  std::string input;
  for (const auto& ref : refs) input += "update " + ref + " " + commit + "\n";
  std::vector<std::string> args{"update-ref", "--stdin"};
  co_return co_await change(std::move(repository), std::move(args),
                            GitOptions{.access = Access::write, .input = std::move(input)});
}

Task<Result<std::vector<std::string>>> list_refs(Repository repository, std::string prefix) {
  std::vector<std::string> args{"for-each-ref", "--format=%(refname)", prefix + "/"};
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  auto refs = split(*out, '\n');
  std::erase(refs, "");
  co_return refs;
}

Task<Result<void>> delete_refs(Repository repository, std::vector<std::string> refs) {
  if (refs.empty()) co_return Result<void>{};
  std::string input;
  for (const auto& ref : refs) input += "delete " + ref + "\n";
  std::vector<std::string> args{"update-ref", "--stdin"};
  co_return co_await change(std::move(repository), std::move(args),
                            GitOptions{.access = Access::write, .input = std::move(input)});
}

Task<Result<std::optional<std::string>>> parent_of(Repository repository, std::string commit) {
  co_return co_await find_commit(std::move(repository), std::move(commit) + "^");
}

Task<Result<void>> restore_files(Repository repository, std::string present, std::string commit) {
  const auto head = co_await parent_of(repository, commit);
  if (!head) co_return tl::unexpected(head.error());
  if (!*head) {
    co_return fail(ErrorCode::failed_precondition,
                   "there was no commit when the files were kept, so HEAD cannot be put back");
  }
  // Files that are as `commit` has them keep their times: the index learns of them first.
  const std::vector<std::vector<std::string>> commands{{"read-tree", "--reset", present},
                                                       {"update-index", "-q", "--refresh"},
                                                       {"read-tree", "--reset", "-u", commit}};
  for (const auto& args : commands) {
    const GitOptions options{.access = Access::write, .input = {}, .timeout = restore_max};
    const auto done = co_await run_git(repository, args, options);
    if (!done) co_return tl::unexpected(done.error());
    // --refresh says by its exit code that files differ.
    if (done->code != 0 && args.front() != "update-index") {
      co_return tl::unexpected(git_failure(repository, args, *done));
    }
  }
  co_await update_submodules(repository);
  std::vector<std::string> move{"update-ref", "-m", "agentcmd: put files back", "HEAD", **head};
  if (auto moved = co_await change(repository, std::move(move), {}); !moved) co_return moved;
  std::vector<std::string> reset{"reset", "--quiet", "--mixed"};
  co_return co_await change_slowly(std::move(repository), std::move(reset));
}

Task<Result<std::vector<FileChange>>> changed_files(Repository repository, std::string from,
                                                    std::string to) {
  if (auto named = check_revisions(from, to); !named) co_return tl::unexpected(named.error());
  auto args = diff_of({"--numstat", "-z"}, std::move(from), std::move(to));
  const auto out = co_await git_output(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return parse_file_changes(*out);
}

Task<Result<std::string>> patch(Repository repository, std::string from, std::string to) {
  if (auto named = check_revisions(from, to); !named) co_return tl::unexpected(named.error());
  auto args = diff_of({"--patch", "--no-color"}, std::move(from), std::move(to));
  co_return co_await git_output(std::move(repository), std::move(args), {});
}

}  // namespace agentcmd::git
