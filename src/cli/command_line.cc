#include "cli/command_line.h"

#include "base/suggestion.h"
#include "base/text.h"
#include "cli/error_report.h"
#include "cli/exit_code.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <sstream>

namespace agentcmd::cli {
namespace {

constexpr auto not_started = static_cast<int>(ExitCode::not_started);

// The commands as CLI11 knows them. Each fills its own struct, and `chosen` makes the command of
// the one that was typed.
class CommandLine {
 public:
  CommandLine() : app_("Runs AI coding agents through durable multi-step workflows.", "agentcmd") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--home", home_, "Folder for agentcmd's own data (default ~/.agentcmd)");
    app_.add_option("--log-level", log_level_, "trace, debug, info, warn, error or fatal");
    add_init();
    add_run();
    add_do();
    add_runs();
    add_answers();
    add_queue();
    add_schedules();
    add_definitions();
    add_replay();
    add_doctor();
    add_backup();
    add_restore();
    add_events();
    add_worker();
    add_stub_models();
    add_config();
    add_version();
    add_help();
  }

  std::variant<Parsed, Refused> parse(std::vector<std::string> words) {
    const bool json = std::ranges::count(words, "--json") > 0;
    std::ranges::reverse(words);  // as CLI11 wants them
    try {
      app_.parse(std::move(words));
    } catch (const CLI::CallForHelp& help) {
      if (is_unknown_command()) return refusal(help, json);
      return Refused{0, app_.help(), ""};
    } catch (const CLI::ParseError& error) {
      return refusal(error, json);
    }
    if (help_->parsed()) {
      help_words_.emplace_back("--help");
      return CommandLine().parse(help_words_);
    }
    Parsed parsed{chosen_(), {}};
    if (!home_.empty()) parsed.settings["home"] = home_;
    if (verbose_) parsed.settings["logLevel"] = "info";
    if (!log_level_.empty()) parsed.settings["logLevel"] = log_level_;
    return parsed;
  }

 private:
  // `value` lives as long as the command line.
  template <typename T>
  std::shared_ptr<T> command(CLI::App* sub) {
    auto value = std::make_shared<T>();
    sub->fallthrough();
    sub->callback([this, value] { choose<T>(value); });
    return value;
  }

  // Called by CLI11 from the innermost command outwards; the first one is meant.
  template <typename T>
  void choose(std::shared_ptr<T> value) {
    if (!chosen_) chosen_ = [value]() -> Command { return *value; };
  }

  static void json_flag(CLI::App* sub, bool& target, const char* help = "Print one JSON document") {
    sub->add_flag("--json", target, help);
  }

  static void project_option(CLI::App* sub, std::string& target, const char* help) {
    sub->add_option("--project", target, help)->type_name("DIR");
  }

  void add_init() {
    auto* sub = app_.add_subcommand("init", "Make a folder a project, with a sample definition");
    auto value = command<InitCommand>(sub);
    sub->add_option("DIR", value->folder, "The folder (default: this one)");
    json_flag(sub, value->json);
  }

  void add_run() {
    auto* sub = app_.add_subcommand("run", "Run a workflow to its end");
    auto v = command<RunCommand>(sub);
    sub->footer(
        "Exits with 0: completed, 1: failed or cancelled, 2: nothing was started, 4: an approval "
        "is "
        "left to\nwait for, 5: paused, 130: cancelled by Ctrl-C. Ctrl-C cancels with clean-up; a "
        "second one leaves the run\nas it is, to be resumed. Where the terminal is closed "
        "(SIGHUP), "
        "the run goes on in the background;\nagentcmd runs shows it, and runs logs -f follows it.");
    sub->add_option("DEFINITION", v->definition, "Id of a definition, or path of its file")
        ->required();
    project_option(sub, v->project, "The project (default: the nearest parent with .agent)");
    sub->add_option("--name", v->name, "A name for the run");
    sub->add_option("--args", v->args, "Arguments, as a JSON object or @FILE")
        ->type_name("JSON|@FILE");
    add_pairs(sub, v->pairs, "One argument; may be repeated");
    sub->add_option("--mode", v->mode, "Where to work: stay, branch or worktree (default stay)")
        ->check(CLI::IsMember({"stay", "branch", "worktree"}));
    sub->add_option("--branch", v->branch, "Branch to work on (modes branch and worktree)");
    sub->add_option("--base", v->base, "What a new branch starts from");
    sub->add_flag("--preserve", v->preserve,
                  "Keep the worktree, or stay on the branch, at the end");
    sub->add_option("--agents", v->agents, "Put the scripted agent in the place of every agent")
        ->type_name("scripted:FILE");
    add_spec(sub, *v);
    json_flag(sub, v->json, "Print one JSON object a line as things happen");
    add_detach_and_quiet(sub, v->detach, v->quiet);
    add_on_pause(sub, v->on_pause);
  }

  void add_do() {
    auto* sub = app_.add_subcommand("do", "Have a task done, in any git repository");
    auto v = command<DoCommand>(sub);
    sub->footer(
        "Works in a worktree on a branch of its own; agentcmd runs report says what came of it.");
    sub->add_option("TASK", v->task, "What is to be done, in your words")->required();
    sub->add_option("--flow", v->flow,
                    "How: implement-review (the default), test-and-fix, review or issue-to-pr");
    sub->add_option("--agent", v->agent, "Which agent does it (default claude)");
    sub->add_option("--test", v->test, "A command that must succeed")->type_name("COMMAND");
    project_option(sub, v->project,
                   "The project (default: the one around here, or the repository)");
    sub->add_option("--branch", v->branch, "Branch to work on");
    sub->add_option("--agents", v->agents, "Put the scripted agent in the place of every agent")
        ->type_name("scripted:FILE");
    json_flag(sub, v->json, "Print one JSON object a line as things happen");
    add_detach_and_quiet(sub, v->detach, v->quiet);
    add_on_pause(sub, v->on_pause);
  }

  static void add_spec(CLI::App* sub, RunCommand& run) {
    sub->add_option("--spec-file", run.spec_file,
                    "The spec to work by: a file, also one below .agent/specs")
        ->type_name("FILE");
    sub->add_option("--spec-content", run.spec_content,
                    "The same as a text, of which an agent makes a spec first")
        ->type_name("TEXT");
    sub->add_option("--spec-type", run.spec_type, "What kind of spec it is (default feature)");
  }

  static void add_on_pause(CLI::App* sub, std::string& target) {
    sub->add_option("--on-pause", target,
                    "When only a person can go on: exit (the default; 4 at an approval, 5 when "
                    "paused), or wait until somebody has")
        ->check(CLI::IsMember({"exit", "wait"}));
  }

  static void add_pairs(CLI::App* sub, std::vector<std::string>& target, const char* help) {
    sub->add_option("--arg", target, help)
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  }

  void add_detach_and_quiet(CLI::App* sub, bool& detach, bool& quiet) {
    sub->add_flag("--detach", detach, "Go on in the background; print the run's id");
    sub->add_flag("-q,--quiet", quiet, "Only say how it ended");
    sub->add_flag("-v,--verbose", verbose_, "Also print log messages of agentcmd itself");
  }

  template <typename T>
  std::pair<CLI::App*, std::shared_ptr<T>> runs_command(CLI::App* runs, const char* name,
                                                        const char* help) {
    auto* sub = runs->add_subcommand(name, help);
    auto value = command<T>(sub);
    sub->add_option("ID", value->run, "The run; a unique beginning of its id is enough")
        ->required();
    json_flag(sub, value->json);
    return {sub, value};
  }

  void add_runs() {
    auto* runs = app_.add_subcommand("runs", "List, show and steer runs");
    auto list = command<RunsListCommand>(runs);
    add_list_options(runs, *list);
    auto* sub = runs->add_subcommand("list", "Newest first");
    sub->fallthrough();
    sub->callback([this, list] { choose<RunsListCommand>(list); });
    add_list_options(sub, *list);
    runs_command<RunsShowCommand>(runs, "show", "Steps, result, artifacts and where things are");
    auto [logs, logs_value] =
        runs_command<RunsLogsCommand>(runs, "logs", "What its steps printed, in order");
    logs->add_option("--step", logs_value->step, "Only this step (its key, or the end of it)");
    logs->add_flag("-f,--follow", logs_value->follow, "Go on until the run ends");
    runs_command<RunsHistoryCommand>(runs, "history", "Its events");
    auto [resume, resume_value] = runs_command<RunsResumeCommand>(
        runs, "resume", "Go on with a run that was interrupted or paused");
    resume
        ->add_option("--code", resume_value->code,
                     "then: the code that the run was started with (default); now: the definition "
                     "as it is on disk, if it does what the run has done so far")
        ->check(CLI::IsMember({"then", "now"}));
    add_detach_and_quiet(resume, resume_value->detach, resume_value->quiet);
    add_on_pause(resume, resume_value->on_pause);
    runs_command<RunsPauseCommand>(runs, "pause", "Begin no further step; what runs goes on");
    runs_command<RunsWhyCommand>(runs, "why", "What it waits for, and what brings that about");
    auto [query, query_value] = runs_command<RunsQueryCommand>(
        runs, "query", "Ask its code: what a function of step.onQuery returns");
    query->add_option("NAME", query_value->name, "The query")->required();
    query->add_option("--args", query_value->args, "What to ask with, as JSON (default null)")
        ->type_name("JSON");
    runs_command<RunsReportCommand>(runs, "report",
                                    "The run in Markdown, for the body of a pull request");
    auto [exported, exported_value] =
        runs_command<RunsExportCommand>(runs, "export", "Its whole history, as a JSON document");
    exported->add_option("--out", exported_value->out, "Write it there instead of to stdout")
        ->type_name("FILE");
    exported->add_flag("--bundle", exported_value->bundle,
                       "With the code that the run is pinned to");
    runs_command<RunsCancelCommand>(runs, "cancel", "End a run, with its clean-up steps");
    add_prune(runs);
    add_delete(runs);
    add_fork(runs);
    add_retry(runs);
    add_diff(runs);
  }

  void add_prune(CLI::App* runs) {
    auto* sub = runs->add_subcommand(
        "prune", "Delete old runs with their files; never unfinished or unsaved work");
    auto v = command<RunsPruneCommand>(sub);
    sub->add_option("--older-than", v->older_than, "Only runs that ended so long ago: 30d, 12h")
        ->type_name("DURATION");
    sub->add_option("--keep", v->keep, "So many of the newest of each project stay")
        ->check(CLI::NonNegativeNumber);
    project_option(sub, v->project, "Only runs of this project");
    sub->add_flag("--dry-run", v->dry_run, "Only say what would go");
    json_flag(sub, v->json);
  }

  void add_delete(CLI::App* runs) {
    auto* sub = runs->add_subcommand("delete", "Delete these runs with their files");
    auto v = command<RunsDeleteCommand>(sub);
    sub->add_option("RUN", v->runs, "Runs that have ended")->required();
    json_flag(sub, v->json);
  }

  static void code_option(CLI::App* sub, std::string& target) {
    sub->add_option("--code", target,
                    "The definition: then (as the former run had it, the default), or now (as it "
                    "is on disk)")
        ->check(CLI::IsMember({"then", "now"}));
  }

  void add_fork(CLI::App* runs) {
    auto [sub, v] = runs_command<RunsForkCommand>(
        runs, "fork", "Start a new run from a step of a former one, with the files as they were");
    sub->add_option("--from", v->from, "The step to begin at (its key, or the end of it)")
        ->type_name("STEP")
        ->required();
    code_option(sub, v->code);
    sub->add_option("--files", v->files,
                    "then (the default): a worktree with the files as they were; now: the "
                    "project's checkout, for runs that worked in it")
        ->check(CLI::IsMember({"then", "now"}));
    sub->add_option("--args", v->args, "Other arguments, as a JSON object or @FILE")
        ->type_name("JSON|@FILE");
    add_pairs(sub, v->pairs, "One other argument; may be repeated");
    sub->add_option("--name", v->name, "A name for the run (default: that of the former)");
    add_on_pause(sub, v->on_pause);
    add_detach_and_quiet(sub, v->detach, v->quiet);
  }

  void add_retry(CLI::App* runs) {
    auto [sub, v] = runs_command<RunsRetryCommand>(
        runs, "retry", "Start a failed or cancelled run again, from the step that failed");
    code_option(sub, v->code);
    sub->add_option("--files", v->files,
                    "now (the default): go on with the files as they are; then: as they were "
                    "before the step that failed")
        ->check(CLI::IsMember({"then", "now"}));
    add_on_pause(sub, v->on_pause);
    add_detach_and_quiet(sub, v->detach, v->quiet);
  }

  void add_diff(CLI::App* runs) {
    auto* sub = runs->add_subcommand("diff", "Compare two runs: arguments, steps, results, files");
    auto v = command<RunsDiffCommand>(sub);
    sub->add_option("A", v->a, "A run; a unique beginning of its id is enough")->required();
    sub->add_option("B", v->b, "The other run")->required();
    sub->add_flag("--files", v->files, "Only the files, with the patch");
    sub->add_flag("--steps", v->steps, "Only the steps, with inputs and results");
    json_flag(sub, v->json);
  }

  void add_answers() {
    for (const bool approve : {true, false}) {
      auto* sub = app_.add_subcommand(approve ? "approve" : "deny",
                                      approve ? "Say yes where a run waits for approval"
                                              : "Say no where a run waits for approval");
      auto value = command<AnswerCommand>(sub);
      value->approve = approve;
      sub->add_option("RUN", value->run, "The run; a unique beginning of its id is enough")
          ->required();
      sub->add_option("STEP", value->step, "Which approval, where several are open");
      sub->add_option("--option", value->option, "One of the options that it offers");
      sub->add_option(
             "--reason", value->reason,
             approve ? "Why; kept with the run" : "Why; kept with the run, and told an agent")
          ->type_name("TEXT");
      if (approve) {
        sub->add_option("--input", value->input,
                        "An object: members that replace those of the input of an agent's tool")
            ->type_name("JSON");
      }
      json_flag(sub, value->json);
    }
  }

  void add_list_options(CLI::App* sub, RunsListCommand& list) {
    project_option(sub, list.project, "Only runs of this project");
    sub->add_option("--status", list.status, "Only runs of this status")
        ->check(CLI::IsMember(
            {"queued", "running", "waiting", "paused", "completed", "failed", "cancelled"}));
    sub->add_option("--limit", list.limit, "At most so many (default 50)")
        ->check(CLI::Range(1, 100000));
    json_flag(sub, list.json);
  }

  void add_queue() {
    auto* sub = app_.add_subcommand("queue", "Runs that wait until they may start, and why");
    auto value = command<QueueCommand>(sub);
    project_option(sub, value->project, "Only runs of this project");
    json_flag(sub, value->json);
  }

  void add_schedules() {
    auto* group = app_.add_subcommand("schedules", "Runs at fixed times, declared by definitions");
    group->require_subcommand(1);
    group->fallthrough();
    for (const auto& [action, help] : std::vector<std::pair<std::string, std::string>>{
             {"list", "When each is due, and what came of it last"},
             {"pause", "Start nothing until it is resumed"},
             {"resume", "Start runs again, from its next due time on"},
             {"trigger", "Start a run of it now"},
             {"backfill", "Start the runs of due times that are over"}}) {
      auto* sub = group->add_subcommand(action, help);
      auto value = command<SchedulesCommand>(sub);
      value->action = action;
      if (action != "list") {
        sub->add_option("NAME", value->schedule, "The schedule, as listed")->required();
      }
      if (action == "backfill") {
        sub->add_option("--from", value->from, "From this moment on: 2026-03-01T09:30, in UTC")
            ->required();
        sub->add_option("--to", value->to, "Up to this moment (default: now)");
      }
      project_option(sub, value->project, "The project (default: the nearest parent with .agent)");
      json_flag(sub, value->json);
    }
    auto* sub =
        app_.add_subcommand("triggers", "What events and schedules have started, and why not");
    auto value = command<TriggersCommand>(sub);
    project_option(sub, value->project, "Only of this project");
    sub->add_option("--limit", value->limit, "At most so many (default 50)")
        ->check(CLI::Range(1, 100000));
    json_flag(sub, value->json);
  }

  void add_definitions() {
    auto* group = app_.add_subcommand("definitions", "List and check workflow definitions");
    group->require_subcommand(1);
    group->fallthrough();
    for (const bool check : {false, true}) {
      auto* sub = group->add_subcommand(
          check ? "check" : "list",
          check ? "Load each, and say what in them a replay could notice" : "Those of the project");
      auto value = command<DefinitionsCommand>(sub);
      value->check = check;
      project_option(sub, value->project, "The project (default: the nearest parent with .agent)");
      json_flag(sub, value->json);
      if (!check) continue;
      auto* live = sub->add_flag("--against-live", value->against_live,
                                 "Replay live and recent runs against the files, and say which "
                                 "would break");
      sub->add_option("--recent", value->recent,
                      "Of each definition, so many runs that have ended (default 20)")
          ->needs(live)
          ->check(CLI::Range(0, 1000));
    }
    auto* eject =
        group->add_subcommand("eject", "Copy a flow of `agentcmd do` to the project, to change it");
    auto copied = command<EjectCommand>(eject);
    eject->add_option("FLOW", copied->flow, "implement-review, test-and-fix, review or issue-to-pr")
        ->required();
    project_option(eject, copied->project, "The project (default: the nearest parent with .agent)");
    json_flag(eject, copied->json);
    auto* types =
        group->add_subcommand("types", "Make types of the slash commands in .claude/commands");
    auto made = command<DefinitionTypesCommand>(types);
    project_option(types, made->project, "The project (default: the nearest parent with .agent)");
    types->add_option("--out", made->out, "The file (default: .agent/generated/slash-commands.ts)")
        ->type_name("FILE");
    json_flag(types, made->json);
  }

  void add_replay() {
    auto* sub = app_.add_subcommand(
        "replay",
        "Check an exported history against a definition: exits with 0 if the code does what was "
        "recorded, 1 if it does not, 2 if that could not be found out");
    auto value = command<ReplayCommand>(sub);
    sub->add_option("HISTORY", value->history, "A file made by `agentcmd runs export`")
        ->required()
        ->type_name("FILE");
    sub->add_option("--definition", value->definition,
                    "The file with the code (default: the bundle in the document)")
        ->type_name("FILE");
    project_option(sub, value->project,
                   "The project (default: the nearest parent of the definition with .agent)");
    json_flag(sub, value->json);
  }

  void add_doctor() {
    auto* sub = app_.add_subcommand(
        "doctor", "Examine the home, its runs and the machine (exit code 1: problems)");
    auto v = command<DoctorCommand>(sub);
    sub->add_flag("--rebuild", v->rebuild, "Make what is shown of runs again from their histories");
    sub->add_flag("--fix", v->fix, "Mend what can be mended without a risk");
    json_flag(sub, v->json);
  }

  void add_backup() {
    auto* sub = app_.add_subcommand("backup", "Copy the home, also while runs are going on");
    auto v = command<BackupCommand>(sub);
    sub->add_option("FILE", v->destination, "A new file FILE.tar, or a new folder")
        ->type_name("FILE.tar|DIR")
        ->required();
    sub->add_flag("--secrets", v->secrets, "Also keys and credentials");
    json_flag(sub, v->json);
  }

  void add_restore() {
    auto* sub = app_.add_subcommand("restore", "Put a backup in the place of the home");
    auto v = command<RestoreCommand>(sub);
    sub->add_option("BACKUP", v->source, "What 'agentcmd backup' wrote")->required();
    sub->add_flag("--force", v->force, "Also where the home has something; that is kept beside it");
    sub->add_flag("--check", v->check, "Only see whether the backup is complete and undamaged");
    json_flag(sub, v->json);
  }

  void add_events() {
    auto* group = app_.add_subcommand("events", "Send events to the runs of a project");
    group->require_subcommand(1);
    group->fallthrough();
    auto* send = group->add_subcommand("send", "Send one: runs that wait for it go on");
    auto sent = command<EventsSendCommand>(send);
    send->add_option("NAME", sent->name, "Name of the event")->required();
    send->add_option("--data", sent->data, "What it carries, as JSON or @FILE (default {})")
        ->type_name("JSON|@FILE");
    project_option(send, sent->project, "The project (default: the nearest parent with .agent)");
    json_flag(send, sent->json);
    auto* list = group->add_subcommand("list", "Those that were sent, newest first");
    auto listed = command<EventsListCommand>(list);
    project_option(list, listed->project, "The project (default: the nearest parent with .agent)");
    list->add_flag("--all", listed->all, "Of every project");
    list->add_option("--name", listed->name, "Only events of this name");
    list->add_option("--limit", listed->limit, "At most so many (default 50)")
        ->check(CLI::Range(1, 100000));
    json_flag(list, listed->json);
  }

  void add_stub_models() {
    auto* sub = app_.add_subcommand(
        "stub-models", "Serve a stand-in for the models of Anthropic and OpenAI, without a key");
    auto v = command<StubModelsCommand>(sub);
    sub->footer(
        "Prints its address, then answers until Ctrl-C. Point a CLI or step.ai at it by\n"
        "ANTHROPIC_BASE_URL=<address> or OPENAI_BASE_URL=<address>/v1, with any key.\n"
        "The rules are a JSON list, of which the first that matches is played:\n"
        "  [{\"match\": {\"prompt\": \"regular expression\"}, \"do\": [{\"say\": \"text\"}]}]\n"
        "Matches: prompt, last, system, model, api, afterTool, toolResults, key, times.\n"
        "Actions: say, reply, tool, write, run, repeat, delayMs, hold, usage, status (message,\n"
        "retryAfter, resetIn), raw, cut, hang.");
    sub->add_option("--rules", v->rules, "File with the rules (default: it says \"stub reply\")")
        ->type_name("FILE");
    sub->add_option("--port", v->port, "Port on 127.0.0.1 (default: any that is free)");
    sub->add_option("--log", v->log, "Append each request to a file, as a line of JSON")
        ->type_name("FILE");
    sub->add_flag("--until-stdin-ends", v->until_stdin_ends, "Stop when stdin is closed, too");
    json_flag(sub, v->json);
  }

  void add_worker() {
    auto* sub = app_.add_subcommand("worker", "Keep runs going that nobody else executes");
    auto value = command<WorkerCommand>(sub);
    project_option(sub, value->project, "Only runs of this project (default: all)");
    json_flag(sub, value->json, "Print one JSON object a line as things happen");
    sub->add_flag("-v,--verbose", verbose_, "Also print log messages of agentcmd itself");
  }

  void add_config() {
    auto* sub = app_.add_subcommand("config", "Show the settings and where each comes from");
    auto value = command<ConfigCommand>(sub);
    sub->add_flag("--show", show_, "Show them (the default)");
    json_flag(sub, value->json);
  }

  void add_version() {
    auto* sub = app_.add_subcommand("version", "Show the version");
    auto value = command<VersionCommand>(sub);
    json_flag(sub, value->json);
  }

  // `agentcmd help runs show` is `agentcmd runs show --help`.
  void add_help() {
    help_ = app_.add_subcommand("help", "Show how a command is used");
    help_->add_option("COMMAND", help_words_, "The command, of one or two words");
  }

  // Whether a word stands where a command should.
  bool is_unknown_command() const {
    const auto left = app_.remaining(true);
    return !left.empty() && !left.front().starts_with("-") &&
           !subcommand_names(innermost()).empty();
  }

  // The command that the words got to before they went wrong.
  const CLI::App* innermost() const {
    const CLI::App* at = &app_;
    while (true) {
      const auto below = at->get_subcommands();
      if (below.empty()) return at;
      at = below.back();
    }
  }

  static std::vector<std::string> option_names(const CLI::App* app) {
    std::vector<std::string> names;
    for (; app != nullptr; app = app->get_parent()) {
      for (const auto* option : app->get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      }
    }
    return names;
  }

  static std::vector<std::string> subcommand_names(const CLI::App* app) {
    std::vector<std::string> names;
    for (const auto* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(sub->get_name());
    }
    return names;
  }

  std::string name_of(const CLI::App* app) const {
    std::string name = app->get_name();
    for (app = app->get_parent(); app != nullptr; app = app->get_parent()) {
      name = app->get_name() + " " + name;
    }
    return name;
  }

  std::string what_is_wrong(const CLI::ParseError& error, const CLI::App* at) const {
    const auto left = app_.remaining(true);
    if (!left.empty() && left.front().starts_with("-")) {
      const auto flag = left.front().substr(0, left.front().find('='));
      return fmt::format("'{}' has no flag '{}'.{}", name_of(at), flag,
                         did_you_mean(flag, option_names(at)));
    }
    const auto commands = subcommand_names(at);
    if (!left.empty() && !commands.empty()) {
      return fmt::format("no command '{} {}'.{} There are: {}", name_of(at), left.front(),
                         did_you_mean(left.front(), commands), join(commands, ", "));
    }
    if (!left.empty()) {
      return fmt::format("'{}': '{}' is one word too many", name_of(at), left.front());
    }
    if (!commands.empty() && error.get_name() == "RequiredError") {
      return fmt::format("'{}' needs a command: {}", name_of(at), join(commands, ", "));
    }
    return fmt::format("'{}': {}", name_of(at), error.what());
  }

  Refused refusal(const CLI::ParseError& error, bool json) const {
    const auto* at = innermost();
    const auto message = what_is_wrong(error, at);
    return {not_started, json ? error_line({ErrorCode::invalid_argument, message}) : "",
            fmt::format("agentcmd: {}\nSee: {} --help\n", message, name_of(at))};
  }

  CLI::App app_;
  std::string home_;
  std::string log_level_;
  bool verbose_ = false;
  bool show_ = false;
  std::function<Command()> chosen_;
  CLI::App* help_ = nullptr;
  std::vector<std::string> help_words_;
};

}  // namespace

std::variant<Parsed, Refused> parse_command_line(std::vector<std::string> words) {
  // `agentcmd --version` is what people try first.
  if (words.size() == 1 && (words[0] == "--version" || words[0] == "-V")) words[0] = "version";
  if (words.empty()) words.emplace_back("--help");
  return CommandLine().parse(std::move(words));
}

}  // namespace agentcmd::cli
