#include "git/pull_request.h"

#include "base/json.h"
#include "base/text.h"
#include "git/git.h"
#include "git/remote_url.h"

#include <charconv>

namespace agentcmd::git {
namespace {

Task<Result<std::string>> run_gh(Repository repository, std::vector<std::string> args,
                                 std::string input) {
  process::CommandSpec spec;
  spec.argv = {"gh"};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.cwd = repository.path;
  spec.env = clean_environment();
  spec.env["GH_PROMPT_DISABLED"] = "1";
  spec.env["GH_NO_UPDATE_NOTIFIER"] = "1";
  spec.env["NO_COLOR"] = "1";
  spec.input = std::move(input);
  auto result = co_await process::run_command(repository.executor, std::move(spec));
  if (!result) co_return tl::unexpected(result.error());
  if (result->code != 0) {
    const auto said = trim(result->err).empty() ? trim(result->out) : trim(result->err);
    co_return fail(
        ErrorCode::failed_precondition,
        fmt::format("gh {} {} failed: {}", args[0], args[1], ellipsis(to_utf8(said), 2000)));
  }
  co_return std::move(result->out);
}

// The last path part of ".../pull/12".
std::optional<int> number_in(std::string_view url) {
  const auto digits = url.substr(url.rfind('/') + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Task<Result<PullRequest>> without_gh(Repository repository, PullRequestSpec spec, Error error) {
  PullRequest request;
  request.error = std::move(error.message);
  const auto remote = co_await push_url(std::move(repository), "origin");
  if (!remote) co_return tl::unexpected(remote.error());
  if (*remote) request.url = compare_url(**remote, spec.base, spec.head);
  co_return request;
}

}  // namespace

Task<Result<std::optional<PullRequest>>> find_pull_request(Repository repository,
                                                           std::string head) {
  if (auto named = check_name("branch", head); !named) co_return tl::unexpected(named.error());
  std::vector<std::string> args{
      "pr", "list", "--head=" + head, "--state=open", "--json=url,number", "--limit=1"};
  const auto out = co_await run_gh(std::move(repository), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  const auto list = parse_json(*out, "gh pr list");
  if (!list) co_return tl::unexpected(list.error());
  if (!list->is_array() || list->empty()) co_return std::optional<PullRequest>{};
  PullRequest request;
  request.success = true;
  request.existed = true;
  request.url = string_or(list->front(), "url");
  request.number = static_cast<int>(int_or(list->front(), "number"));
  co_return std::optional(request);
}

Task<Result<PullRequest>> create_pull_request(Repository repository, PullRequestSpec spec) {
  for (const auto& name : {spec.base, spec.head}) {
    if (auto named = check_name("branch", name); !named) co_return tl::unexpected(named.error());
  }
  auto found = co_await find_pull_request(repository, spec.head);
  if (!found) co_return co_await without_gh(std::move(repository), std::move(spec), found.error());
  if (*found) co_return std::move(**found);

  std::vector<std::string> args{"pr",
                                "create",
                                "--title=" + spec.title,
                                "--base=" + spec.base,
                                "--head=" + spec.head,
                                "--body-file=-"};
  const auto out = co_await run_gh(repository, std::move(args), spec.body);
  if (!out) co_return co_await without_gh(std::move(repository), std::move(spec), out.error());
  PullRequest request;
  request.success = true;
  const auto lines = split(trim(*out), '\n');
  request.url = std::string(trim(lines.back()));
  request.number = number_in(*request.url);
  co_return request;
}

}  // namespace agentcmd::git
