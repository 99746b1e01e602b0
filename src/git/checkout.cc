// Where a checkout is and what is checked out in it: the part of git.h that every run asks for, and
// therefore in as few processes as git allows.

#include "base/text.h"
#include "git/discovery.h"
#include "git/git.h"
#include "git/head_file.h"

#include <string_view>

namespace agentcmd::git {
namespace {

// `git rev-parse` repeats a flag that it does not know. Paths may hold newlines, so that one alone
// does not separate them.
constexpr std::string_view separator = "--agentcmd-next";

std::vector<std::string> layout_questions() {
  const std::string next(separator);
  return {"--path-format=absolute", "--is-inside-work-tree",
          "--show-toplevel",        next,
          "--absolute-git-dir",     next,
          "--git-common-dir",       next,
          "--show-prefix",          next};
}

std::vector<std::string> head_questions() {
  return {"HEAD^{commit}", "--symbolic-full-name", "HEAD"};
}

Error outside_of_repositories(const Repository& repository) {
  const auto path = to_utf8(repository.path.string());
  return Error{ErrorCode::not_found,
               fmt::format("'{0}' is not in a git repository. Make it one: git -C {1} init && git "
                           "-C {1} add -A && git -C {1} commit -m init",
                           path, shell_quoted(path))};
}

// As git_failure, but with what to do where git finds no repository.
Error refusal(const Repository& repository, const Trace& trace,
              const std::vector<std::string>& args, const process::CommandResult& result) {
  auto failure = git_failure(repository, args, result);
  if (!result.err.contains("not a git repository")) return failure;
  if (trace.kind != Trace::Kind::plain && trace.kind != Trace::Kind::unclear) {
    return outside_of_repositories(repository);
  }
  failure.message += fmt::format("\n'{}' is damaged, or leads to a folder that is gone",
                                 to_utf8(trace.path.string()));
  return failure;
}

// Takes what stands before the next separator.
std::optional<std::string> next_answer(std::string_view& text) {
  const auto end = text.find("\n" + std::string(separator) + "\n");
  if (end == std::string_view::npos) return std::nullopt;
  std::string answer(text.substr(0, end));
  text.remove_prefix(end + separator.size() + 2);
  return answer;
}

// Takes the answers to layout_questions; nothing when git stopped before the last.
std::optional<Layout> take_layout(std::string_view& text) {
  constexpr std::string_view inside = "true\n";
  if (!text.starts_with(inside)) return std::nullopt;
  text.remove_prefix(inside.size());
  const auto top = next_answer(text);
  const auto git_dir = next_answer(text);
  const auto common_dir = next_answer(text);
  auto prefix = next_answer(text);
  if (!top || !git_dir || !common_dir || !prefix) return std::nullopt;
  if (prefix->ends_with('/')) prefix->pop_back();
  return Layout{
      .top_level = *top, .git_dir = *git_dir, .common_dir = *common_dir, .prefix = *prefix};
}

bool is_object_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<std::string> branch_of(std::string name) {
  constexpr std::string_view heads = "refs/heads/";
  return name.starts_with(heads) ? name.substr(heads.size()) : name;
}

// The answer to head_questions; nothing when git had none: without a commit, for instance.
std::optional<Head> parse_head(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.size() != 3 || !is_object_id(lines[0]) || !lines[2].empty()) return std::nullopt;
  Head head{.branch = std::nullopt, .commit = lines[0]};
  if (lines[1] != "HEAD") head.branch = branch_of(lines[1]);
  return head;
}

// With two questions, each of which has an answer in any repository.
Task<Result<Head>> read_unusual_head(Repository repository) {
  const std::vector<std::string> args{"symbolic-ref", "--quiet", "HEAD"};
  const auto symbolic = co_await run_git(repository, args, {});
  if (!symbolic) co_return tl::unexpected(symbolic.error());
  if (symbolic->code > 1) co_return tl::unexpected(git_failure(repository, args, *symbolic));
  Head head;
  if (symbolic->code == 0) {
    auto name = symbolic->out;
    if (name.ends_with('\n')) name.pop_back();
    head.branch = branch_of(std::move(name));
  }
  auto commit = co_await find_commit(std::move(repository), "HEAD");
  if (!commit) co_return tl::unexpected(commit.error());
  head.commit = std::move(*commit);
  co_return head;
}

// What `git rev-parse` says to the questions, as far as it comes.
Task<Result<process::CommandResult>> ask(Repository repository, std::vector<std::string> args) {
  args.insert(args.begin(), "rev-parse");
  const auto trace = look_for_repository(repository.path);
  if (trace.kind == Trace::Kind::none)
    co_return tl::unexpected(outside_of_repositories(repository));
  auto answer = co_await run_git(repository, args, {});
  if (!answer) co_return answer;
  if (answer->code != 0 && answer->out.empty()) {
    co_return tl::unexpected(refusal(repository, trace, args, *answer));
  }
  co_return answer;
}

Result<Layout> layout_from(const Repository& repository, const process::CommandResult& answer,
                           std::string_view& rest) {
  rest = answer.out;
  if (auto layout = take_layout(rest)) return std::move(*layout);
  if (answer.out.starts_with("false\n")) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("'{}' has no working tree: it is a bare repository or a folder inside "
                            ".git. Use a clone or a worktree of it",
                            to_utf8(repository.path.string())));
  }
  return tl::unexpected(git_failure(repository, {"rev-parse"}, answer));
}

}  // namespace

Task<Result<Layout>> find_repository(Repository repository) {
  const auto answer = co_await ask(repository, layout_questions());
  if (!answer) co_return tl::unexpected(answer.error());
  std::string_view rest;
  co_return layout_from(repository, *answer, rest);
}

Task<bool> is_repository(Repository repository) {
  const auto layout = co_await find_repository(std::move(repository));
  co_return layout.has_value();
}

Task<Result<Head>> read_head(Repository repository) {
  if (auto seen = look_at_checkout(repository.path)) co_return std::move(seen->head);
  const auto answer = co_await ask(repository, head_questions());
  if (!answer) co_return tl::unexpected(answer.error());
  if (auto head = parse_head(answer->out)) co_return std::move(*head);
  co_return co_await read_unusual_head(std::move(repository));
}

Task<Result<Checkout>> read_checkout(Repository repository) {
  if (auto seen = look_at_checkout(repository.path)) co_return std::move(*seen);
  auto questions = layout_questions();
  const auto about_head = head_questions();
  questions.insert(questions.end(), about_head.begin(), about_head.end());
  const auto answer = co_await ask(repository, std::move(questions));
  if (!answer) co_return tl::unexpected(answer.error());
  std::string_view rest;
  auto layout = layout_from(repository, *answer, rest);
  if (!layout) co_return tl::unexpected(layout.error());
  auto known = parse_head(rest);
  auto head =
      known ? Result<Head>(std::move(*known)) : co_await read_unusual_head(std::move(repository));
  if (!head) co_return tl::unexpected(head.error());
  co_return Checkout{std::move(*layout), std::move(*head)};
}

}  // namespace agentcmd::git
