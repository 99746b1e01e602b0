#pragma once
// What the definitions of one project declare to start them, read from their files and recorded
// where it is durable: schedules (store/triggers.h). A definition that is broken disturbs no other,
// and its schedules are kept and say so.

#include "async/task.h"
#include "projects/definitions.h"
#include "projects/due_times.h"
#include "projects/trigger_config.h"
#include "runtime/driver.h"
#include "store/store.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::projects {

struct TriggeredDefinition {
  Definition definition;  // with info and bundle: as it was when it could last be used
  TriggerConfig triggers;
  std::string error;  // why it cannot be started now; empty where it can
};

struct ProjectTriggers {
  std::vector<TriggeredDefinition> definitions;

  // Null where none has the id.
  const TriggeredDefinition* find(const std::string& id) const;
};

struct TriggerSources {
  Loader loader;
  store::Store& store;
  DueTimes& due_times;
  // What people should know: a definition that broke, a schedule that is gone.
  std::function<void(std::string)> say;
};

// `before`: as it was when last read.
Task<ProjectTriggers> read_triggers(TriggerSources from, std::filesystem::path project, Time now,
                                    ProjectTriggers before);

// --- Runs that are started by triggers.

struct TriggeredRun {
  runtime::NewRun run;
  runtime::StartPolicy policy;
};

// invalid_argument where the arguments do not fit.
Result<TriggeredRun> run_of_event(const std::string& project, const Definition& definition,
                                  const std::string& id, const std::string& name,
                                  const JsonText& data);
// `due`: the due time that it is for; none where it is asked for by hand.
Result<TriggeredRun> run_of_schedule(const std::string& project, const Definition& definition,
                                     const CronTrigger& trigger, std::optional<Time> due);

// What store::RunStart::causes say: "event 17", "schedule nightly 2026-03-01T09:00:00.000Z".
std::string cause_of_event(const std::string& id);
std::string cause_of_schedule(const std::string& name, Time due);

}  // namespace agentcmd::projects
