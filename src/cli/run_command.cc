// run, runs resume, runs cancel: the commands that execute.

#include "agents/scripted/adapter.h"
#include "async/blocking.h"
#include "async/deadline.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/arguments_file.h"
#include "cli/ask_driver.h"
#include "cli/detach.h"
#include "cli/dispatch.h"
#include "cli/execute.h"
#include "cli/exit_code.h"
#include "cli/follow_retention.h"
#include "cli/launch.h"
#include "cli/run_view.h"
#include "cli/same_run.h"
#include "cli/spec_option.h"
#include "projects/arguments.h"
#include "projects/compatibility.h"
#include "projects/definitions.h"
#include "projects/flow_config.h"
#include "projects/project.h"
#include "workspace/workspace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <variant>

namespace agentcmd::cli {
namespace fs = std::filesystem;
namespace {

// What is there to show so far. A damaged history is for the driver to say: it pauses the run.
Task<std::vector<history::Event>> past_of(Services& services, history::RunId run) {
  try {
    co_return co_await services.store().log().read(run, 0);
  } catch (const Fault&) {
    co_return std::vector<history::Event>();
  }
}

Task<Result<runtime::Requested>> take_hold(runtime::Driver& driver, Target target) {
  if (auto* fresh = std::get_if<FreshRun>(&target)) {
    co_return co_await driver.request(std::move(fresh->run), std::move(fresh->policy));
  }
  const auto [run, code_hash] = std::get<TakenOver>(std::move(target));
  const auto adopted = co_await driver.adopt(run);
  if (!adopted) co_return tl::unexpected(adopted.error());
  if (!code_hash.empty()) driver.change_code(run, code_hash);
  co_return runtime::Requested{.run = run, .message = {}};
}

Task<int> execute_target(Services& services, runtime::Driver& driver, RunView& view,
                         Target target) {
  const bool resume = std::holds_alternative<TakenOver>(target);
  const auto held = co_await take_hold(driver, std::move(target));
  if (!held) co_return refuse(services, held.error());
  services.run_started = true;
  if (!held->is_new) co_return co_await watch_same_run(services, view, held->run);
  if (services.detached != nullptr) {
    services.detached->recorded(held->run, services.output);
    view.detached();
  }
  view.begin(held->run, co_await past_of(services, held->run));
  co_return co_await execute_run(services, driver, view, held->run, resume);
}

}  // namespace

Task<int> with_driver(Services& services, ViewKind kind, Target target) {
  // In the background there is a log, not a reader who might stand still.
  if (services.detached == nullptr) services.output.stop_waiting();
  const bool for_people = kind == ViewKind::people || kind == ViewKind::quiet;
  services.can_ask = for_people && services.detached == nullptr &&
                     services.output.out_is_terminal() && isatty(STDIN_FILENO) == 1;
  const auto view = make_run_view(kind, services.output, services.clock);
  auto driver =
      co_await runtime::start_driver(services.executor, services.store(), services.clock,
                                     services.random, services.driver_options(view.get()));
  if (!driver) co_return refuse(services, driver.error());
  std::exception_ptr fault;
  int code = 0;
  try {
    code = co_await execute_target(services, **driver, *view, std::move(target));
  } catch (...) {
    fault = std::current_exception();
  }
  co_await (*driver)->stop();
  if (fault) std::rethrow_exception(fault);
  co_return code;
}

ViewKind view_kind(bool json, bool quiet) {
  if (json) return quiet ? ViewKind::quiet_json : ViewKind::json;
  return quiet ? ViewKind::quiet : ViewKind::people;
}

Result<std::optional<std::string>> args_text(const std::optional<std::string>& typed,
                                             const fs::path& cwd) {
  if (!typed) return typed;
  auto text = text_or_file("--args", *typed, cwd);
  if (!text) return tl::unexpected(text.error());
  return *std::move(text);
}

namespace {

Result<std::string> text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.is_open() && !in.bad()) return text;
  return fail(ErrorCode::not_found, fmt::format("--agents: {} cannot be read", file.string()));
}

// What can be known of the place to work in before there is a run: a run would only begin to fail.
Task<Result<void>> check_place(Services& services, RunCommand command, fs::path project) {
  const auto mode = workspace::mode_from(command.mode);
  if (!mode) co_return tl::unexpected(mode.error());
  workspace::WorkspaceRequest request;
  request.project = std::move(project);
  request.run_name = command.name.empty() ? command.definition : command.name;
  request.mode = *mode;
  request.branch = command.branch;
  request.base = command.base;
  BlockingPool pool(1);
  co_return co_await workspace::check_workspace(services.executor, pool, std::move(request));
}

// "scripted:FILE" with the path made absolute.
Result<std::string> agents_override(const std::string& typed, const fs::path& cwd) {
  constexpr std::string_view scripted = "scripted:";
  if (typed.empty()) return typed;
  if (!typed.starts_with(scripted)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--agents {}: expected scripted:FILE", shell_quoted(typed)));
  }
  const auto file = cwd / typed.substr(scripted.size());
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::not_found, fmt::format("--agents: no file '{}'", file.string()));
  }
  const auto script = text_of(file);
  if (!script) return tl::unexpected(script.error());
  if (auto checked = agents::check_script(*script, file.string()); !checked) {
    auto unusable = checked.error();
    unusable.message = "--agents: " + unusable.message;
    return tl::unexpected(std::move(unusable));
  }
  return std::string(scripted) + fs::canonical(file).string();
}

Result<void> check_workspace_flags(const RunCommand& command) {
  if (command.mode != "stay") return {};
  for (const auto& [flag, value] :
       {std::pair{"--branch", command.branch}, {"--base", command.base}}) {
    if (value.empty()) continue;
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} needs --mode worktree (a checkout of its own) or --mode branch "
                            "(this one)",
                            flag));
  }
  return {};
}

// As event.data shows it to the workflow. The arguments are spliced in as they were given.
JsonText request_text(const RunCommand& command, const JsonText& args, const std::string& agents,
                      const Json& spec) {
  Json request{{"mode", command.mode}, {"preserve", command.preserve}};
  request.update(spec);
  if (!command.branch.empty()) request["branchName"] = command.branch;
  if (!command.base.empty()) request["baseBranch"] = command.base;
  if (!agents.empty()) request["agents"] = agents;
  return {fmt::format(R"({{"args":{},{})", args.text, to_text(request).substr(1))};
}

Result<fs::path> project_of(const Services& services, const RunCommand& command) {
  if (!command.project.empty()) return projects::named_project(command.project);
  auto project = projects::find_project(services.cwd);
  if (project) return project;
  // A definition named by its path says where its project is.
  std::error_code error;
  const auto file = services.cwd / command.definition;
  if (!fs::is_regular_file(file, error)) return project;
  auto beside = projects::find_project(file.parent_path());
  return beside ? beside : project;
}

Task<Result<FreshRun>> prepare_run(Services& services, RunCommand command) {
  if (const auto fits = check_workspace_flags(command); !fits) {
    co_return tl::unexpected(fits.error());
  }
  const auto agents = agents_override(command.agents, services.cwd);
  if (!agents) co_return tl::unexpected(agents.error());
  const auto text = args_text(command.args, services.cwd);
  if (!text) co_return tl::unexpected(text.error());
  const auto project = project_of(services, command);
  if (!project) co_return tl::unexpected(project.error());
  const auto spec = spec_request(command, services.cwd, *project);
  if (!spec) co_return tl::unexpected(spec.error());
  store::prepare(services.home);
  auto definition = co_await projects::resolve_definition(services.loader(), *project, services.cwd,
                                                          command.definition);
  if (!definition) co_return tl::unexpected(definition.error());
  const projects::ArgumentInput input{*text, command.pairs};
  const auto args = projects::make_arguments(definition->info->args_schema, input);
  if (!args) co_return tl::unexpected(args.error());

  if (const auto place = co_await check_place(services, command, *project); !place) {
    co_return tl::unexpected(place.error());
  }

  const auto& info = *definition->info;
  auto terms = projects::flow_terms(*project, info.id, info.config, *args);
  if (!terms) co_return tl::unexpected(terms.error());
  runtime::NewRun run;
  run.definition = info.id;
  run.project = *project;
  run.name = !command.name.empty() ? command.name : info.name.empty() ? info.id : info.name;
  run.timeout = info.timeout.value_or(Milliseconds(0));
  run.request = request_text(command, *args, *agents, *spec);
  run.bundle = *std::move(definition->bundle);
  run.flow = std::move(terms->flow);
  co_return FreshRun{.run = std::move(run), .policy = std::move(terms->policy)};
}

// The definition of a run as it is on disk, if it does what the run has done so far: its hash.
Task<Result<std::string>> fitting_code(Services& services, store::RunRow run) {
  auto events = co_await services.store().log().read(run.id, 0);
  auto bundle = co_await projects::code_now(services.loader(), run);
  if (!bundle) co_return tl::unexpected(bundle.error());
  const auto hash = bundle->hash;
  const auto verdict =
      co_await projects::replay(services.loader(), run.id, std::move(events), *std::move(bundle));
  if (!verdict) co_return tl::unexpected(verdict.error());
  if (verdict->matches()) co_return hash;
  co_return fail(ErrorCode::failed_precondition,
                 fmt::format("run {} stays as it was, as {} no longer does what it has done: {}",
                             run.id.text, run.file, runtime::describe(*verdict)));
}

Task<store::RunRow> wait_for_end(Services& services, store::RunRow row) {
  constexpr auto look_again = std::chrono::milliseconds(100);
  const auto deadline =
      deadline_in(limits::cancel_grace + limits::kill_grace + std::chrono::seconds(10));
  while (!store::is_terminal(row.status) && std::chrono::steady_clock::now() < deadline) {
    co_await sleep_until(deadline_in(look_again));
    auto found = co_await services.store().catalog().find_run(row.id.text);
    if (!found) break;
    row = *std::move(found);
    if (!runtime::is_driver_alive(services.home, row.driver)) break;  // nothing more will come
  }
  co_return row;
}

// A pause that was asked for while nobody executed the run is over with the wish to go on.
Task<> drop_pauses(Services& services, history::RunId run) {
  auto& requests = services.store().requests();
  for (const auto& request : co_await requests.pending(run)) {
    if (request.kind == "pause") co_await requests.done(request.id);
  }
}

// The process that waits in the pause goes on with the run.
Task<int> resume_elsewhere(Services& services, store::RunRow row, std::string code_hash,
                           bool json) {
  Json request{{"by", fmt::format("runs resume ({})", user_name())}};
  if (!code_hash.empty()) request["code_hash"] = std::move(code_hash);
  const auto asked = co_await ask_driver(services, row.id, "resume", std::move(request));
  if (asked != Asked::carried_out) {
    co_return refuse(services,
                     {ErrorCode::unavailable,
                      fmt::format("the process that executed run {} did not take the request; try "
                                  "again",
                                  row.id.text)},
                     ExitCode::failed);
  }
  if (json) {
    services.output.out(to_text({{"id", row.id.text}, {"resumed", true}}) + "\n");
  } else {
    services.output.out(fmt::format("{} goes on in the process that drives it\n", row.id.text));
  }
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace

Task<int> run_workflow(Services& services, RunCommand command) {
  const auto kind = view_kind(command.json, command.quiet);
  services.wait_when_paused = command.on_pause == "wait";
  auto run = co_await prepare_run(services, std::move(command));
  if (!run) co_return refuse(services, run.error());
  const int code = co_await with_driver(services, kind, *std::move(run));
  co_await follow_retention(services);
  co_return code;
}

Task<int> resume_run(Services& services, RunsResumeCommand command) {
  const auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  if (store::is_terminal(row->status)) {
    co_return refuse(
        services,
        {ErrorCode::failed_precondition,
         fmt::format("run {} has ended ({}); start another one with agentcmd "
                     "run {}",
                     row->id.text, store::to_string(row->status), shell_quoted(row->definition))});
  }
  TakenOver target{.run = row->id};
  if (command.code == "now") {
    auto code = co_await fitting_code(services, *row);
    if (!code) co_return refuse(services, code.error());
    target.code_hash = *std::move(code);
  }
  const bool is_driven = runtime::is_driver_alive(services.home, row->driver);
  if (row->status == store::RunStatus::paused && is_driven) {
    co_return co_await resume_elsewhere(services, *row, std::move(target.code_hash), command.json);
  }
  co_await drop_pauses(services, row->id);
  services.wait_when_paused = command.on_pause == "wait";
  co_return co_await with_driver(services, view_kind(command.json, command.quiet),
                                 std::move(target));
}

Task<int> cancel_run(Services& services, RunsCancelCommand command) {
  auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  if (store::is_terminal(row->status)) {
    co_return refuse(services, {ErrorCode::failed_precondition,
                                fmt::format("run {} has ended already ({})", row->id.text,
                                            store::to_string(row->status))});
  }
  const auto asked = co_await runtime::request_cancel(
      services.executor, services.store(), services.clock, services.random,
      services.driver_options(nullptr), row->id, "runs cancel");
  if (!asked) co_return refuse(services, asked.error(), ExitCode::failed);
  if (!command.json) services.output.err(fmt::format("Cancelling {}...\n", row->id.text));
  const auto ended = co_await wait_for_end(services, *std::move(row));
  const auto status = store::to_string(ended.status);
  if (!store::is_terminal(ended.status)) {
    co_return refuse(
        services,
        {ErrorCode::timed_out,
         fmt::format("run {} has not ended yet ({}); agentcmd runs why {} says what it "
                     "waits for",
                     ended.id.text, status, ended.id.text)},
        ExitCode::failed);
  }
  services.output.out(command.json ? to_text({{"id", ended.id.text}, {"status", status}}) + "\n"
                                   : fmt::format("{} {}\n", ended.id.text, status));
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
