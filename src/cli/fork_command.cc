// runs fork, runs retry: a new run that begins where another one was.

#include "cli/dispatch.h"
#include "cli/launch.h"
#include "git/git.h"
#include "projects/arguments.h"
#include "projects/definitions.h"
#include "projects/flow_config.h"
#include "runtime/fork.h"
#include "script/bundle.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace agentcmd::cli {
namespace fs = std::filesystem;
namespace {

// What both commands say about the new run.
struct Wanted {
  std::string code;
  std::string name;
  std::optional<std::string> args;
  std::vector<std::string> pairs;
};

runtime::Files files_named(const std::string& name) {
  return name == "then" ? runtime::Files::then : runtime::Files::now;
}

// The code, and where that or its arguments are new, what it says of itself.
struct Code {
  script::Bundle bundle;
  std::string definition;
  std::optional<script::WorkflowInfo> info;
};

Task<Result<Code>> kept_code(Services& services, const runtime::ForkPlan& plan, bool has_new_args) {
  auto bundle = script::load_bundle(services.home.bundles(), plan.code_hash);
  if (!bundle) {
    co_return fail(bundle.error().code,
                   fmt::format("the code of the former run is not there any more: {}. --code now "
                               "takes the definition as it is on disk",
                               bundle.error().message));
  }
  Code code{.bundle = *bundle, .definition = plan.definition, .info = std::nullopt};
  if (!has_new_args) co_return code;
  auto info = co_await projects::describe_bundle(services.loader(), *std::move(bundle));
  if (!info) co_return tl::unexpected(info.error());
  code.info = *std::move(info);
  co_return code;
}

Task<Result<Code>> code_on_disk(Services& services, const runtime::ForkPlan& plan) {
  const fs::path project = plan.project;
  std::error_code ignored;
  // The file may have moved; its id is left then.
  const auto wanted = fs::exists(project / plan.file, ignored) ? plan.file : plan.definition;
  auto definition =
      co_await projects::resolve_definition(services.loader(), project, project, wanted);
  if (!definition) co_return tl::unexpected(definition.error());
  co_return Code{.bundle = *std::move(definition->bundle),
                 .definition = definition->info->id,
                 .info = std::move(definition->info)};
}

// The arguments of the former run, less those that are given anew.
Result<JsonText> new_args(const Services& services, const runtime::ForkPlan& plan, const Code& code,
                          const Wanted& wanted) {
  const auto text = args_text(wanted.args, services.cwd);
  if (!text) return tl::unexpected(text.error());
  const projects::ArgumentInput input{text->value_or(plan.args.text), wanted.pairs};
  auto args = projects::make_arguments(code.info->args_schema, input);
  if (args || wanted.args) return args;
  return fail(args.error().code,
              fmt::format("with the arguments of the former run: {}", args.error().message));
}

Task<Result<void>> check_snapshot(Services& services, const runtime::ForkPlan& plan) {
  if (!plan.snapshot) co_return Result<void>();
  const auto found = co_await git::find_commit({services.executor, plan.project}, *plan.snapshot);
  if (!found) co_return tl::unexpected(found.error());
  if (*found) co_return Result<void>();
  co_return fail(ErrorCode::failed_precondition,
                 fmt::format("the files of that moment are not in '{}' any more: its snapshot {} "
                             "was removed. Fork from another step, or start the run anew",
                             plan.project, *plan.snapshot));
}

Task<Result<runtime::NewRun>> prepare(Services& services, runtime::ForkPlan plan, Wanted wanted) {
  std::error_code ignored;
  if (!fs::is_directory(plan.project, ignored)) {
    co_return fail(
        ErrorCode::not_found,
        fmt::format("the project of the former run, '{}', is not there any more", plan.project));
  }
  if (auto there = co_await check_snapshot(services, plan); !there) {
    co_return tl::unexpected(there.error());
  }
  const bool has_new_args = wanted.args || !wanted.pairs.empty();
  auto code = wanted.code == "now" ? co_await code_on_disk(services, plan)
                                   : co_await kept_code(services, plan, has_new_args);
  if (!code) co_return tl::unexpected(code.error());
  if (has_new_args || wanted.code == "now") {
    const auto args = new_args(services, plan, *code, wanted);
    if (!args) co_return tl::unexpected(args.error());
    plan.request = runtime::with_args(plan.request, *args);
    const auto& info = *code->info;
    auto terms = projects::flow_terms(plan.project, info.id, info.config, *args);
    if (!terms) co_return tl::unexpected(terms.error());
    plan.flow = std::move(terms->flow);
    plan.timeout = info.timeout.value_or(Milliseconds(0));
  }
  runtime::NewRun run;
  run.bundle = std::move(code->bundle);
  run.definition = std::move(code->definition);
  run.project = plan.project;
  run.name = wanted.name.empty() ? plan.name : std::move(wanted.name);
  run.timeout = plan.timeout;
  run.request = std::move(plan.request);
  run.flow = std::move(plan.flow);
  run.fork = std::move(plan.fork);
  co_return run;
}

Task<int> start(Services& services, ViewKind kind, Result<runtime::ForkPlan> plan, Wanted wanted) {
  if (!plan) co_return refuse(services, plan.error());
  if (!plan->left_out.empty()) {
    services.output.err(fmt::format("Not among the files as they were: {}\n", plan->left_out));
  }
  auto run = co_await prepare(services, *std::move(plan), std::move(wanted));
  if (!run) co_return refuse(services, run.error());
  FreshRun fresh{.run = *std::move(run), .policy = {}};
  co_return co_await with_driver(services, kind, std::move(fresh));
}

}  // namespace

Task<int> fork_run(Services& services, RunsForkCommand command) {
  services.wait_when_paused = command.on_pause == "wait";
  const auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  const auto events = co_await services.store().log().read(row->id, 0);
  const auto key = runtime::find_key(events, command.from);
  if (!key) co_return refuse(services, key.error());
  auto plan = runtime::plan_fork(row->id, events, *key, files_named(command.files));
  Wanted wanted{
      .code = command.code, .name = command.name, .args = command.args, .pairs = command.pairs};
  co_return co_await start(services, view_kind(command.json, command.quiet), std::move(plan),
                           std::move(wanted));
}

Task<int> retry_run(Services& services, RunsRetryCommand command) {
  services.wait_when_paused = command.on_pause == "wait";
  const auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  const auto events = co_await services.store().log().read(row->id, 0);
  auto plan = runtime::plan_retry(row->id, events, files_named(command.files));
  Wanted wanted{.code = command.code, .name = {}, .args = std::nullopt, .pairs = {}};
  co_return co_await start(services, view_kind(command.json, command.quiet), std::move(plan),
                           std::move(wanted));
}

}  // namespace agentcmd::cli
