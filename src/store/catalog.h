#pragma once
// What people ask about runs: projections of the history, written behind it and rebuildable from
// it. Every call first catches up with the log, so a reader sees everything that was committed
// before its call.

#include "async/task.h"
#include "base/result.h"
#include "history/event.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

enum class RunStatus { queued, running, waiting, paused, completed, failed, cancelled };
enum class StepStatus { queued, running, waiting, completed, failed, timed_out, cancelled, lost };

std::string_view to_string(RunStatus status);
std::string_view to_string(StepStatus status);
inline bool is_terminal(RunStatus status) {
  return status >= RunStatus::completed;
}

struct RunRow {
  history::RunId id;
  std::string name;
  std::string definition;
  std::string file;
  std::string project;
  std::string code_hash;
  RunStatus status = RunStatus::queued;
  std::string phase;   // the current one
  std::string reason;  // why paused, failed or cancelled: one line
  std::string driver;  // owner
  std::uint32_t term = 0;
  std::string branch;  // of the workspace
  std::string working_dir;
  std::string pr_url;
  JsonText request;  // of RunCreated
  JsonText result;   // empty text until completed
  Time created_at;
  std::optional<Time> started_at;
  std::optional<Time> ended_at;
  std::uint64_t events = 0;  // last sequence number
  std::string origin;        // what started it (history::RunCreated)
  std::string parent;        // the run that invoked it, and the key of the step; or empty
  std::string parent_key;
  bool at_gate = false;     // an approval is open
  std::string forked_from;  // of a retry or a fork: the other run, and the key where it begins
  std::string forked_at;
  bool operator==(const RunRow&) const = default;
};

struct StepRow {
  history::StepKey key;
  std::string type;
  std::string name;
  std::string phase;
  StepStatus status = StepStatus::queued;
  std::uint32_t attempts = 0;
  bool success = true;
  std::string error;  // one line
  Time scheduled_at;
  std::optional<Time> started_at;  // of the first attempt
  std::optional<Time> ended_at;
  std::optional<Time> due_at;  // while it waits: when the clock alone ends that
  std::string event;           // of a wait: the name of its event
  bool operator==(const StepRow&) const = default;
};

// A run that has not ended, is not paused and not at a gate: somebody should be executing it.
struct DrivenRun {
  history::RunId id;
  std::string driver;
};

struct RunFilter {
  std::string project;  // empty: all
  std::optional<RunStatus> status;
  std::size_t limit = 50;
  std::string before;  // id of the last run of the page before
};

// A run that has not ended, as far as a driver needs to know it before it takes it over.
struct LiveRun {
  history::RunId id;
  std::string project;
  RunStatus status = RunStatus::queued;
  std::string driver;
  std::uint32_t term = 0;
  bool operator==(const LiveRun&) const = default;
};

// What a run sleeps for: nothing happens to it before `due_at`, and until an event comes that it
// waits for.
struct SleepingRun {
  struct Wait {
    std::string event;       // its name
    std::uint64_t seen = 0;  // the last one that the run may not see or has seen
    std::uint64_t last = 0;  // the last one that there is
    bool operator==(const Wait&) const = default;
  };
  history::RunId id;
  std::string project;
  std::optional<Time> due_at;
  std::vector<Wait> waits;
  bool has_children = false;  // it waits for the end of a child, too
  bool operator==(const SleepingRun&) const = default;
};

class Catalog {
 public:
  virtual ~Catalog() = default;
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // Newest first.
  virtual Task<std::vector<RunRow>> runs(RunFilter filter) = 0;

  // The run whose id is `id_or_prefix` or the only one that begins so. not_found; invalid_argument
  // with the candidates when several do.
  virtual Task<Result<RunRow>> find_run(std::string id_or_prefix) = 0;

  // In the order they were scheduled. Timers are listed as steps of type "sleep".
  virtual Task<std::vector<StepRow>> steps(history::RunId run) = 0;

  // Runs that have not ended, of all projects: what a driver may adopt and `runs` reports as
  // interrupted.
  virtual Task<std::vector<RunRow>> unfinished() = 0;

  // Runs that have not ended, oldest first: of `project` (empty: all), without those that belong to
  // the driver `not_of`.
  virtual Task<std::vector<LiveRun>> live(std::string project, std::string not_of) = 0;

  // Of the runs of this driver, those that only wait (RunStatus::waiting), oldest first.
  virtual Task<std::vector<SleepingRun>> sleeping(std::string driver) = 0;

  // The runs that `parent` has invoked, oldest first.
  virtual Task<std::vector<RunRow>> children(history::RunId parent) = 0;

  // Of all projects, newest first: cheap, also for thousands.
  virtual Task<std::vector<DrivenRun>> driven() = 0;

  // Retries and forks of a run, oldest first.
  virtual Task<std::vector<RunRow>> forks(history::RunId run) = 0;

  // Drops all projections and makes them again from the history.
  virtual Task<> rebuild() = 0;

 protected:
  Catalog() = default;
};

}  // namespace agentcmd::store
