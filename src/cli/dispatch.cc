#include "cli/dispatch.h"

#include "base/fault.h"
#include "cli/error_report.h"

#include <variant>

namespace agentcmd::cli {
namespace {

struct Carry {
  Services& services;

  Task<int> operator()(RunCommand& command) const { return run_workflow(services, command); }
  Task<int> operator()(RunsListCommand& command) const { return list_runs(services, command); }
  Task<int> operator()(RunsShowCommand& command) const { return show_run(services, command); }
  Task<int> operator()(RunsLogsCommand& command) const { return show_logs(services, command); }
  Task<int> operator()(RunsHistoryCommand& command) const {
    return show_history(services, command);
  }
  Task<int> operator()(RunsResumeCommand& command) const { return resume_run(services, command); }
  Task<int> operator()(RunsCancelCommand& command) const { return cancel_run(services, command); }
  Task<int> operator()(RunsPauseCommand& command) const { return pause_run(services, command); }
  Task<int> operator()(AnswerCommand& command) const { return answer_gate(services, command); }
  Task<int> operator()(RunsWhyCommand& command) const { return explain_run(services, command); }
  Task<int> operator()(RunsQueryCommand& command) const { return query_run(services, command); }
  Task<int> operator()(RunsReportCommand& command) const { return report_run(services, command); }
  Task<int> operator()(DoCommand& command) const { return do_task(services, command); }
  Task<int> operator()(EjectCommand& command) const { return eject_flow(services, command); }
  Task<int> operator()(RunsExportCommand& command) const { return export_run(services, command); }
  Task<int> operator()(ReplayCommand& command) const { return replay_history(services, command); }
  Task<int> operator()(RunsPruneCommand& command) const { return prune_runs(services, command); }
  Task<int> operator()(RunsDeleteCommand& command) const { return delete_runs(services, command); }
  Task<int> operator()(RunsForkCommand& command) const { return fork_run(services, command); }
  Task<int> operator()(RunsRetryCommand& command) const { return retry_run(services, command); }
  Task<int> operator()(RunsDiffCommand& command) const { return diff_runs(services, command); }
  Task<int> operator()(QueueCommand& command) const { return show_queue(services, command); }
  Task<int> operator()(SchedulesCommand& command) const {
    return steer_schedules(services, command);
  }
  Task<int> operator()(TriggersCommand& command) const { return show_triggers(services, command); }
  Task<int> operator()(DefinitionsCommand& command) const {
    return list_definitions(services, command);
  }
  Task<int> operator()(DefinitionTypesCommand& command) const {
    return make_definition_types(services, command);
  }
  Task<int> operator()(DoctorCommand& command) const { return examine_home(services, command); }
  Task<int> operator()(BackupCommand& command) const { return make_backup(services, command); }
  Task<int> operator()(RestoreCommand& command) const { return restore_backup(services, command); }
  Task<int> operator()(EventsSendCommand& command) const { return send_event(services, command); }
  Task<int> operator()(EventsListCommand& command) const { return list_events(services, command); }
  Task<int> operator()(WorkerCommand& command) const { return keep_home(services, command); }
  Task<int> operator()(StubModelsCommand& command) const {
    return serve_stub_models(services, command);
  }
  template <typename Plain>
  Task<int> operator()(Plain&) const {
    throw Bug("a command that needs no loop was dispatched to it");
  }
};

}  // namespace

store::Store& Services::store() {
  if (!opened) {
    store::prepare(home);
    opened = store::open_store(executor, home);
  }
  return *opened;
}

Task<int> dispatch(Services& services, Command command) {
  co_return co_await std::visit(Carry{services}, command);
}

int refuse(Services& services, const Error& error, ExitCode code) {
  report(services.output, error, services.json);
  return static_cast<int>(code);
}

}  // namespace agentcmd::cli
