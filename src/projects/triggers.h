#pragma once
// Starts runs by itself, for a worker of the home: when an event comes that a definition wants, and
// when a schedule is due. Several workers may do so at once, and each may be killed at any moment:
//
//   (1) one event starts one run of a definition at most, and so does one due time of a schedule:
//       the cause is recorded in the transaction that creates the run;
//   (2) what an event or a due time has come to is never lost: it is a run, or a note that says why
//       there is none (arguments that do not fit, a broken definition, a run that is under way);
//   (3) an event is passed over only when all of that is recorded.
//
// It knows the projects of which the home has runs, schedules or events, and looks at the contents
// of their definition files again and again.

#include "async/task.h"
#include "async/wakeup.h"
#include "projects/project_triggers.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::projects {

struct TriggerHooks {
  // A run was created and belongs to the driver: it is to be driven.
  std::function<void(history::RunId)> started;
  // For people who watch the worker.
  std::function<void(std::string)> say;
};

class Triggers {
 public:
  // `driver` creates the runs.
  Triggers(Loader loader, store::Store& store, runtime::Driver& driver, const Clock& clock,
           TriggerHooks hooks);

  // This project is looked at even if the home knows nothing of it yet.
  void watch(std::filesystem::path project);
  // No other is: what its events and schedules ask for is left to other workers.
  void watch_only(std::filesystem::path project);

  // Everything once: definitions that changed, events that came, schedules that are due. Returns
  // when the next schedule is; the epoch where none is.
  Task<Time> look();

  // Calls look() when something may be due, until leave(). A look is never cut off: the workers
  // that it loads definitions with have to be stopped.
  Task<> run();
  void leave();
  // An event was sent, a schedule was changed.
  void look_again();

  // Before it is destroyed.
  Task<> stop();

 private:
  struct Project {
    std::size_t stamps = 0;    // of the files that its definitions are made of
    std::size_t contents = 0;  // of the same files
    bool is_read = false;
    ProjectTriggers triggers;
  };

  Task<Time> try_look();
  Task<> refresh();
  Task<> refresh(std::string path);
  Task<> take_events();
  Task<> take_event(store::ProjectEvent event);
  Task<> start_for(store::ProjectEvent event, const TriggeredDefinition& one);
  Task<std::vector<store::Schedule>> schedules();
  Task<Time> take_due();
  Task<> take_due(store::Schedule schedule);
  Task<> start_due(const store::Schedule& schedule, const CronTrigger& trigger, Time due,
                   store::ScheduleStep& step);
  Task<> note(std::string project, std::string definition, std::string cause, std::string message);

  Loader loader_;
  store::Store& store_;
  runtime::Driver& driver_;
  const Clock& clock_;
  TriggerHooks hooks_;
  DueTimes due_times_;
  std::set<std::string> watched_;
  std::string only_;  // project; empty: all
  std::map<std::string, Project> projects_;
  bool leaving_ = false;
  Wakeup again_;
};

}  // namespace agentcmd::projects
