#pragma once
// What the user may ask for, as values. command_line.h makes them from the words typed; dispatch.h
// carries them out.

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agentcmd::cli {

struct VersionCommand {
  bool json = false;
};

struct ConfigCommand {
  bool json = false;
};

struct InitCommand {
  std::string folder = ".";
  bool json = false;
};

struct RunCommand {
  std::string definition;
  std::string project;  // empty: the nearest parent with .agent
  std::string name;
  std::optional<std::string> args;  // JSON, or @FILE
  std::vector<std::string> pairs;   // of --arg
  std::string mode = "stay";
  std::string branch;
  std::string base;
  bool preserve = false;
  std::string agents;
  std::optional<std::string> spec_file;
  std::optional<std::string> spec_content;
  std::optional<std::string> spec_type;
  bool json = false;
  bool detach = false;
  bool quiet = false;
  std::string on_pause = "exit";
};

struct DoCommand {
  std::string task;
  std::string flow = "implement-review";
  std::string agent = "claude";
  std::string test;     // command that must succeed
  std::string project;  // empty: the nearest parent with .agent, else the git repository
  std::string branch;
  std::string agents;
  bool json = false;
  bool detach = false;
  bool quiet = false;
  std::string on_pause = "exit";
};

struct EjectCommand {
  std::string flow;
  std::string project;
  bool json = false;
};

struct RunsListCommand {
  std::string project;
  std::string status;
  std::size_t limit = 50;
  bool json = false;
};

struct RunsShowCommand {
  std::string run;
  bool json = false;
};

struct RunsLogsCommand {
  std::string run;
  std::string step;
  bool follow = false;
  bool json = false;
};

struct RunsHistoryCommand {
  std::string run;
  bool json = false;
};

struct RunsResumeCommand {
  std::string run;
  std::string code = "then";  // "now": the definition as it is on disk, from here on
  bool json = false;
  bool detach = false;
  bool quiet = false;
  std::string on_pause = "exit";
};

struct RunsWhyCommand {
  std::string run;
  bool json = false;
};

struct RunsQueryCommand {
  std::string run;
  std::string name;
  std::string args = "null";  // JSON
  bool json = false;
};

struct RunsReportCommand {
  std::string run;
  bool json = false;
};

struct RunsExportCommand {
  std::string run;
  std::string out;      // file; empty: stdout
  bool bundle = false;  // with the code
  bool json = false;    // the document is JSON anyway
};

// Whether the code of a file, or of the document itself, still does what the document says.
struct ReplayCommand {
  std::string history;     // file made by runs export
  std::string definition;  // file; empty: the bundle in the document
  std::string project;     // empty: the nearest parent of the definition with .agent
  bool json = false;
};

struct RunsCancelCommand {
  std::string run;
  bool json = false;
};

struct RunsPauseCommand {
  std::string run;
  bool json = false;
};

// approve and deny.
struct AnswerCommand {
  std::string run;
  std::string step;  // empty: the only gate that is open
  bool approve = true;
  std::optional<std::string> option;
  std::string reason;
  std::string input;  // JSON; what an agent's tool is to be used with instead
  bool json = false;
};

struct RunsPruneCommand {
  std::optional<std::string> older_than;  // a duration
  std::optional<std::size_t> keep;
  std::string project;
  bool dry_run = false;
  bool json = false;
};

struct RunsDeleteCommand {
  std::vector<std::string> runs;
  bool json = false;
};

struct RunsForkCommand {
  std::string run;
  std::string from;
  std::string code = "then";
  std::string files = "then";
  std::string name;
  std::optional<std::string> args;  // as RunCommand's; the former run's without
  std::vector<std::string> pairs;   // in the place of these of the former run
  std::string on_pause = "exit";
  bool json = false;
  bool detach = false;
  bool quiet = false;
};

struct RunsRetryCommand {
  std::string run;
  std::string code = "then";
  std::string files = "now";
  std::string on_pause = "exit";
  bool json = false;
  bool detach = false;
  bool quiet = false;
};

struct RunsDiffCommand {
  std::string a;
  std::string b;
  bool files = false;
  bool steps = false;
  bool json = false;
};

struct QueueCommand {
  std::string project;
  bool json = false;
};

struct SchedulesCommand {
  std::string action;    // "list", "pause", "resume", "trigger", "backfill"
  std::string schedule;  // its name; of all but list
  std::string project;
  std::string from;  // of backfill
  std::string to;
  bool json = false;
};

struct TriggersCommand {
  std::string project;
  std::size_t limit = 50;
  bool json = false;
};

struct DefinitionsCommand {
  std::string project;
  bool check = false;  // also says what a replay could notice, and fails when a file is broken
  bool against_live = false;  // also replays the project's runs against the files
  std::size_t recent = 20;    // of those that have ended, the newest so many of each definition
  bool json = false;
};

struct DefinitionTypesCommand {
  std::string project;
  std::string out;  // file; empty: .agent/generated/slash-commands.ts
  bool json = false;
};

struct DoctorCommand {
  bool rebuild = false;
  bool fix = false;
  bool json = false;
};

struct BackupCommand {
  std::string destination;
  bool secrets = false;
  bool json = false;
};

struct RestoreCommand {
  std::string source;
  bool force = false;
  bool check = false;
  bool json = false;
};

struct EventsSendCommand {
  std::string name;
  std::optional<std::string> data;  // JSON, or @FILE
  std::string project;
  bool json = false;
};

struct EventsListCommand {
  std::string project;
  std::string name;  // empty: all
  bool all = false;  // of every project
  std::size_t limit = 50;
  bool json = false;
};

struct WorkerCommand {
  std::string project;  // empty: the whole home
  bool json = false;
};

struct StubModelsCommand {
  std::string rules;
  std::uint16_t port = 0;  // 0: any
  std::string log;
  bool until_stdin_ends = false;
  bool json = false;
};

using Command = std::variant<
    VersionCommand, ConfigCommand, InitCommand, RunCommand, RunsListCommand, RunsShowCommand,
    RunsLogsCommand, RunsHistoryCommand, RunsResumeCommand, RunsCancelCommand, RunsPauseCommand,
    AnswerCommand, RunsWhyCommand, RunsQueryCommand, RunsReportCommand, RunsExportCommand,
    ReplayCommand, RunsPruneCommand, RunsDeleteCommand, RunsForkCommand, RunsRetryCommand,
    RunsDiffCommand, QueueCommand, SchedulesCommand, TriggersCommand, DefinitionsCommand,
    DefinitionTypesCommand, DoCommand, EjectCommand, DoctorCommand, BackupCommand, RestoreCommand,
    EventsSendCommand, EventsListCommand, WorkerCommand, StubModelsCommand>;

}  // namespace agentcmd::cli
