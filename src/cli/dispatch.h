#pragma once
// Carries out commands. Those that need no loop, store or worker are done by plain functions, so
// that they start nothing.

#include "async/task.h"
#include "base/result.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/services.h"

#include <filesystem>
#include <vector>

namespace agentcmd::cli {

int show_version(Output& output, const VersionCommand& command);
int show_config(Output& output, const ConfigCommand& command, const std::vector<SettingRow>& rows);
int init(Output& output, const InitCommand& command, const std::filesystem::path& libexec);

Task<int> run_workflow(Services& services, RunCommand command);
Task<int> list_runs(Services& services, RunsListCommand command);
Task<int> show_run(Services& services, RunsShowCommand command);
Task<int> show_logs(Services& services, RunsLogsCommand command);
Task<int> show_history(Services& services, RunsHistoryCommand command);
Task<int> resume_run(Services& services, RunsResumeCommand command);
Task<int> explain_run(Services& services, RunsWhyCommand command);
Task<int> query_run(Services& services, RunsQueryCommand command);
Task<int> report_run(Services& services, RunsReportCommand command);
Task<int> do_task(Services& services, DoCommand command);
Task<int> eject_flow(Services& services, EjectCommand command);
Task<int> export_run(Services& services, RunsExportCommand command);
Task<int> replay_history(Services& services, ReplayCommand command);
Task<int> fork_run(Services& services, RunsForkCommand command);
Task<int> retry_run(Services& services, RunsRetryCommand command);
Task<int> diff_runs(Services& services, RunsDiffCommand command);
Task<int> cancel_run(Services& services, RunsCancelCommand command);
Task<int> pause_run(Services& services, RunsPauseCommand command);
Task<int> answer_gate(Services& services, AnswerCommand command);
Task<int> prune_runs(Services& services, RunsPruneCommand command);
Task<int> delete_runs(Services& services, RunsDeleteCommand command);
Task<int> show_queue(Services& services, QueueCommand command);
Task<int> steer_schedules(Services& services, SchedulesCommand command);
Task<int> show_triggers(Services& services, TriggersCommand command);
Task<int> list_definitions(Services& services, DefinitionsCommand command);
Task<int> make_definition_types(Services& services, DefinitionTypesCommand command);
Task<int> examine_home(Services& services, DoctorCommand command);
Task<int> make_backup(Services& services, BackupCommand command);
Task<int> restore_backup(Services& services, RestoreCommand command);

Task<int> send_event(Services& services, EventsSendCommand command);
Task<int> list_events(Services& services, EventsListCommand command);
Task<int> keep_home(Services& services, WorkerCommand command);
Task<int> serve_stub_models(Services& services, StubModelsCommand command);

// Any of those that need the loop.
Task<int> dispatch(Services& services, Command command);

// Says the error the way that every command does, and how to exit.
int refuse(Services& services, const Error& error, ExitCode code = ExitCode::not_started);

}  // namespace agentcmd::cli
