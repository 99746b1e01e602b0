// step.git: six operations of git in the run's workspace. What fails is thrown into the workflow,
// but for `pr`, which depends on a service and answers with success: false. An attempt that was
// lost is not simply repeated: what it was about to do is looked for in the repository first.

#include "base/text.h"
#include "git/git.h"
#include "git/probe.h"
#include "git/pull_request.h"
#include "steps/interruptible.h"
#include "steps/result.h"
#include "steps/step_types.h"
#include "workspace/workspace.h"

#include <fmt/format.h>

#include <array>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// What an operation knows.
struct GitCall {
  StepHost& host;
  const Step& step;
  Json config;
  git::Repository repository;
  // The commit that was checked out before the first attempt; empty in an empty repository.
  std::string head_before;
  // An earlier attempt may have done it, wholly or in part.
  bool repeated = false;

  std::string text(const char* key) const { return string_or(config, key); }
};

using GitAnswer = Result<Json>;  // the result's `data`

tl::unexpected<Error> missing(const char* operation, const char* key) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("step.git needs {} for the operation \"{}\"", key, operation));
}

Task<Result<std::string>> head_of(git::Repository repository) {
  auto head = co_await git::read_head(std::move(repository));
  if (!head) co_return tl::unexpected(head.error());
  co_return head->commit.value_or("");
}

// The commit with everything that the run has changed; nothing when nothing was. In a repeated
// attempt, the one that the attempt before has made.
Task<Result<std::optional<std::string>>> commit_once(const GitCall& call, std::string message) {
  if (call.repeated) {
    auto made = co_await git::find_made_commit(call.repository, call.head_before, message);
    if (!made) co_return tl::unexpected(made.error());
    if (*made) co_return std::move(*made);
  }
  auto outcome = co_await workspace::commit_work(call.repository, call.host.pool(),
                                                 call.step.run.run.text, std::move(message));
  if (!outcome) co_return tl::unexpected(outcome.error());
  co_return std::move(outcome->commit);
}

// Switches to the branch, which is made at `base` (empty: where we are) when it does not exist.
// True if it was already checked out.
Task<Result<bool>> go_to_branch(const GitCall& call, std::string branch, std::string base) {
  auto there = co_await git::is_on_branch(call.repository, branch);
  if (!there || *there) co_return there;
  auto exists = co_await git::branch_exists(call.repository, branch);
  if (!exists) co_return tl::unexpected(exists.error());
  auto switched = *exists ? co_await git::switch_branch(call.repository, branch)
                          : co_await git::switch_to_new_branch(call.repository, branch, base);
  if (!switched) co_return tl::unexpected(switched.error());
  co_return false;
}

Task<GitAnswer> commit(const GitCall& call) {
  auto message = call.text("message");
  if (message.empty()) message = call.text("commitMessage");
  if (trim(message).empty()) co_return missing("commit", "a message");
  auto made = co_await commit_once(call, std::move(message));
  if (!made) co_return tl::unexpected(made.error());
  Json data{{"hadChanges", made->has_value()}};
  if (*made) data["commitSha"] = **made;
  co_return data;
}

// Uncommitted changes stay uncommitted: git carries them along, or refuses and changes nothing.
Task<GitAnswer> branch(const GitCall& call) {
  const auto name = call.text("branch");
  if (name.empty()) co_return missing("branch", "a branch");
  auto there = co_await go_to_branch(call, name, call.text("baseBranch"));
  if (!there) co_return tl::unexpected(there.error());
  co_return Json{{"branch", name}, {"alreadyOnBranch", *there}};
}

// First the branch, then the commit upon it, so that the branch that was left keeps its state.
Task<GitAnswer> commit_and_branch(const GitCall& call) {
  const auto name = call.text("branch");
  if (name.empty()) co_return missing("commit-and-branch", "a branch");
  auto there = co_await go_to_branch(call, name, {});
  if (!there) co_return tl::unexpected(there.error());
  auto message = call.text("commitMessage");
  if (message.empty()) message = call.text("message");
  if (trim(message).empty()) message = "WIP: " + call.step.run.name;
  auto made = co_await commit_once(call, std::move(message));
  if (!made) co_return tl::unexpected(made.error());
  Json data{
      {"branch", name}, {"hadUncommittedChanges", made->has_value()}, {"alreadyOnBranch", *there}};
  if (*made) data["commitSha"] = **made;
  co_return data;
}

fs::path project_of(const GitCall& call) {
  const auto named = call.text("projectPath");
  return named.empty() ? call.step.run.project : call.step.run.project / named;
}

Task<GitAnswer> worktree_add(const GitCall& call) {
  const auto branch_name = call.text("branch");
  if (branch_name.empty()) co_return missing("worktree-add", "a branch");
  auto name = call.text("worktreeName");
  if (name.empty()) name = join(split(branch_name, '/'), "-");
  const auto project = project_of(call);
  auto repository = call.repository;
  repository.path = project;
  const auto named_path = call.text("worktreePath");
  const auto path = named_path.empty() ? project / ".worktrees" / name : project / named_path;
  Json data{{"worktreePath", path.string()}, {"branch", branch_name}, {"worktreeName", name}};

  auto there = co_await git::is_worktree_of(repository, path, branch_name);
  if (!there) co_return tl::unexpected(there.error());
  if (*there) co_return data;
  auto exists = co_await git::branch_exists(repository, branch_name);
  if (!exists) co_return tl::unexpected(exists.error());
  git::NewWorktree worktree{.path = path, .branch = branch_name, .start = {}};
  if (!*exists) worktree.start = string_or(call.config, "baseBranch", "HEAD");
  auto added = co_await git::add_worktree(repository, std::move(worktree));
  if (!added) co_return tl::unexpected(added.error());
  co_return data;
}

Task<GitAnswer> worktree_remove(const GitCall& call) {
  const auto named = call.text("worktreePath");
  if (named.empty()) co_return missing("worktree-remove", "a worktreePath");
  const auto project = project_of(call);
  auto repository = call.repository;
  repository.path = project;
  const auto path = project / named;
  Json data{{"worktreePath", path.string()}};
  if (call.repeated) {
    auto gone = co_await git::is_worktree_gone(repository, path);
    if (!gone) co_return tl::unexpected(gone.error());
    if (*gone) co_return data;
  }
  const auto changes = bool_or(call.config, "force") ? git::Changes::discard : git::Changes::keep;
  auto removed = co_await git::remove_worktree(repository, path, changes);
  if (!removed) co_return tl::unexpected(removed.error());
  co_return data;
}

struct Operation {
  std::string_view name;
  Task<GitAnswer> (*perform)(const GitCall& call);
};
constexpr std::array operations{Operation{"commit", commit}, Operation{"branch", branch},
                                Operation{"commit-and-branch", commit_and_branch},
                                Operation{"worktree-add", worktree_add},
                                Operation{"worktree-remove", worktree_remove}};

Json trace_of(const std::string& operation) {
  return Json::array({{{"command", "git " + operation}}});
}

Task<Outcome> open_pull_request(const GitCall& call) {
  git::PullRequestSpec spec;
  spec.title = call.text("title");
  if (trim(spec.title).empty()) co_return failed(missing("pr", "a title").value());
  spec.body = call.text("body");
  spec.base = string_or(call.config, "baseBranch", "main");
  auto head = co_await git::read_head(call.repository);
  if (!head) co_return failed(head.error());
  if (!head->branch) co_return failed("a pull request needs a branch, but HEAD is detached");
  spec.head = *head->branch;

  auto request = co_await git::create_pull_request(call.repository, std::move(spec));
  if (!request) co_return failed(request.error());
  Json data = Json::object();
  if (request->url) data["prUrl"] = *request->url;
  if (request->number) data["prNumber"] = *request->number;
  Json result{{"data", std::move(data)}, {"success", request->success}};
  if (!request->success) result["error"] = request->error;
  result["trace"] = trace_of("pr");
  auto outcome = completed(call.step, request->success, std::move(result));
  if (request->success && request->url) {
    outcome.notes.push_back(history::RunUpdated{.fields = {to_text({{"pr_url", *request->url}})}});
  }
  co_return outcome;
}

// Before the first change of the first attempt, and durable: the later ones compare with it.
Task<Result<std::string>> note_head(StepHost& host, const Step& step, git::Repository repository) {
  auto head = co_await head_of(std::move(repository));
  if (head) co_await host.checkpoint(step, {to_text({{"head", *head}})});
  co_return head;
}

// What this attempt, or the one before it, noted; null where neither came so far.
Json noted_head(const Step& step) {
  if (step.recovery) {
    auto noted = noted_in(step.recovery->checkpoint, "head");
    if (!noted.is_null()) return noted;
  }
  return noted_in(step.lost_checkpoint, "head");
}

Task<Outcome> perform(StepHost& host, Step step) {
  auto input = read_input(step);
  const auto operation = string_or(input.config, "operation");
  // The step ends its commands when its time is over, and not they themselves shortly before.
  const git::Repository repository{.executor = host.executor(),
                                   .path = directory_of(step, input.config),
                                   .timeout = timeout_of(step, input) + 10s};
  GitCall call{.host = host,
               .step = step,
               .config = std::move(input.config),
               .repository = repository,
               .head_before = {},
               .repeated = false};
  if (const auto noted = noted_head(step); !noted.is_null()) {
    call.head_before = string_or(noted, "head");
    call.repeated = true;
  }
  if (operation == "pr") co_return co_await open_pull_request(call);

  for (const auto& known : operations) {
    if (known.name != operation) continue;
    if (!call.repeated) {
      auto head = co_await note_head(host, step, repository);
      if (!head) co_return failed(head.error());
      call.head_before = std::move(*head);
    }
    auto data = co_await known.perform(call);
    if (!data) co_return failed(data.error());
    co_return completed(
        step, true,
        {{"data", std::move(*data)}, {"success", true}, {"trace", trace_of(operation)}});
  }
  co_return failed(
      fmt::format("step.git has no operation \"{}\"; it has commit, branch, pr, "
                  "commit-and-branch, worktree-add, worktree-remove",
                  operation));
}

}  // namespace

Task<Outcome> run_git_step(StepHost& host, Step step, StopSource& stop) {
  const auto input = read_input(step);
  const auto timeout = timeout_of(step, input);
  const auto what = "git " + string_or(input.config, "operation");
  co_return co_await interruptible(perform(host, std::move(step)), stop, timeout, what);
}

}  // namespace agentcmd::steps
