// The system steps around a run's work: where it works, and what becomes of that at the end. The
// decisions are workspace/'s; the facts that later steps and the user need go to the run.

#include "steps/interruptible.h"
#include "steps/result.h"
#include "steps/step_types.h"
#include "workspace/names.h"
#include "workspace/workspace.h"

namespace agentcmd::steps {
namespace {

Result<workspace::WorkspaceRequest> request_of(const Step& step, const Json& config) {
  workspace::WorkspaceRequest request;
  request.project = step.run.project;
  request.run = step.run.run.text;
  request.run_name = step.run.name;
  request.env = step.run.env;
  request.worktree_name = string_or(config, "worktreeName");
  const bool is_system = step.phase.starts_with("_system");
  // A child works where its parent works.
  const auto within = string_or(step.run.request, "within");
  if (is_system && !within.empty()) request.project = within;
  if (!is_system) request.key = folder_name(step.key);
  // step.setupWorkspace({worktreeName | branch | nothing}) says the mode by what it names.
  auto mode = string_or(config, "mode");
  if (mode.empty() && !is_system) {
    if (!string_or(config, "branch").empty()) mode = "branch";
    if (!request.worktree_name.empty()) mode = "worktree";
  }
  const auto known = workspace::mode_from(mode.empty() ? "stay" : mode);
  if (!known) return tl::unexpected(known.error());
  request.mode = *known;
  request.branch = string_or(config, is_system ? "branchName" : "branch");
  request.base = string_or(config, "baseBranch");
  return request;
}

// What a fork or a retry begins with: `files` of the run's request (runtime/fork.h). A snapshot
// belongs to the workspace of one step; workspaces of the former run are gone on in by the steps of
// the same keys.
void begin_with_former_work(const Step& step, workspace::WorkspaceRequest& request) {
  const auto& run = step.run.request;
  if (!run.is_object() || !run.contains("files") || !run["files"].is_object()) return;
  const auto& files = run["files"];
  workspace::FormerWork former;
  if (string_or(files, "step") == step.key.text) former.snapshot = string_or(files, "snapshot");
  if (const auto run_before = string_or(files, "from"); !run_before.empty()) {
    former.adopt = workspace::workspace_id(run_before, request.key);
  } else if (former.snapshot.empty()) {
    return;
  } else {
    request.mode = workspace::Mode::worktree;
    former.stem = string_or(files, "branch");
    former.base = string_or(files, "base");
    former.base_commit = string_or(files, "baseCommit");
  }
  request.former = std::move(former);
}

Json facts_of(const workspace::Workspace& made) {
  Json facts{{"mode", workspace::to_string(made.mode)},
             {"working_dir", made.working_dir.string()},
             {"branch", made.branch},
             {"base", made.base},
             {"base_commit", made.base_commit}};
  if (made.worktree_path) facts["worktree"] = made.worktree_path->string();
  if (made.original_branch) facts["original_branch"] = *made.original_branch;
  return facts;
}

Json setup_data(const workspace::Workspace& made) {
  Json data{{"workingDir", made.working_dir.string()},
            {"branch", made.branch},
            {"mode", workspace::to_string(made.mode)}};
  if (made.worktree_path) data["worktreePath"] = made.worktree_path->string();
  if (made.worktree_name) data["worktreeName"] = *made.worktree_name;
  if (made.original_branch) data["originalBranch"] = *made.original_branch;
  data["workspace"] = to_json(made);  // what cleanupWorkspace and finalizeWorkspace take
  return data;
}

Json success_of(Json data) {
  return {{"data", std::move(data)}, {"success", true}, {"trace", Json::array()}};
}

workspace::Outcome outcome_named(const std::string& name) {
  for (const auto outcome : {workspace::Outcome::failed, workspace::Outcome::cancelled}) {
    if (workspace::to_string(outcome) == name) return outcome;
  }
  return workspace::Outcome::completed;
}

// The workspace itself, the result of setupWorkspace, or that result's data.
Result<workspace::Workspace> workspace_of(const Json& config) {
  for (const auto* key : {"workspaceResult", "workspace", "data"}) {
    if (config.contains(key) && config[key].is_object()) return workspace_of(config[key]);
  }
  return workspace::workspace_from_json(config);
}

Outcome set_up_as(const Step& step, const workspace::Workspace& made) {
  auto outcome = completed(step, true, success_of(setup_data(made)));
  outcome.notes.push_back(history::RunUpdated{.fields = {to_text(facts_of(made))}});
  return outcome;
}

Outcome finalized_as(const Step& step, const workspace::FinalizeReport& report) {
  auto outcome = completed(step, true, success_of(to_json(report)));
  const Json facts{{"finalized", to_json(report)}};
  outcome.notes.push_back(history::RunUpdated{.fields = {to_text(facts)}});
  return outcome;
}

Task<Outcome> finalize(StepHost& host, const Step& step, workspace::Workspace made,
                       workspace::FinalizeRequest request) {
  auto report = co_await workspace::finalize_workspace(host.executor(), host.pool(),
                                                       std::move(made), std::move(request));
  if (!report) co_return failed(report.error());
  co_return finalized_as(step, *report);
}

Task<Outcome> set_up(StepHost& host, Step step) {
  const auto input = read_input(step);
  auto request = request_of(step, input.config);
  if (!request) co_return failed(request.error());
  begin_with_former_work(step, *request);
  auto made =
      co_await workspace::setup_workspace(host.executor(), host.pool(), std::move(*request));
  if (!made) co_return failed(made.error());
  co_return set_up_as(step, *made);
}

Task<Outcome> finalize(StepHost& host, Step step) {
  const auto input = read_input(step);
  auto made = workspace_of(input.config);
  if (!made) co_return failed(made.error());
  workspace::FinalizeRequest request;
  request.outcome = outcome_named(string_or(input.config, "outcome"));
  request.preserve = bool_or(input.config, "preserve",
                             step.run.request.is_object() && bool_or(step.run.request, "preserve"));
  request.run_name = step.run.name;
  co_return co_await finalize(host, step, std::move(*made), std::move(request));
}

}  // namespace

Task<Outcome> run_setup_workspace_step(StepHost& host, Step step, StopSource& stop) {
  const auto timeout = timeout_of(step, read_input(step));
  co_return co_await interruptible(set_up(host, std::move(step)), stop, timeout,
                                   "setting up the workspace");
}

std::optional<Outcome> look_at_setup_workspace_step(const Step& step) {
  auto request = request_of(step, read_input(step).config);
  if (!request) return std::nullopt;
  begin_with_former_work(step, *request);
  const auto made = workspace::look_at_workspace(*request);
  if (!made) return std::nullopt;
  return set_up_as(step, *made);
}

std::optional<Outcome> look_at_finalize_workspace_step(const Step& step) {
  const auto made = workspace_of(read_input(step).config);
  if (!made) return std::nullopt;
  const auto report = workspace::look_at_end(*made);
  if (!report) return std::nullopt;
  return finalized_as(step, *report);
}

Task<Outcome> run_finalize_workspace_step(StepHost& host, Step step, StopSource& stop) {
  const auto timeout = timeout_of(step, read_input(step));
  co_return co_await interruptible(finalize(host, std::move(step)), stop, timeout,
                                   "finalizing the workspace");
}

}  // namespace agentcmd::steps
