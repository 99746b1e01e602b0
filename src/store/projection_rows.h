#pragma once
// The tables `runs` and `steps`: one row in, one row out.

#include "store/connection.h"
#include "store/fold.h"

#include <soci/soci.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

// Throws Fault for a text that is no status.
RunStatus run_status_from(const std::string& name);

// What the column events_seen has: ids by the name of the event.
std::map<std::string, std::uint64_t> event_ids_from(const std::string& text);

// Variables that statements are bound to.
struct RunColumns {
  long long run = 0, created_event = 0, result_event = 0, created_at = 0, started_at = 0,
            ended_at = 0, events = 0, paused = 0, steps_active = 0, steps_waiting = 0;
  std::string name, definition, file, project, code_hash, status, phase, reason, branch,
      working_dir, pr_url, origin, parent, parent_key, events_seen, forked_from, forked_at;
  soci::indicator result_set = soci::i_null, started_set = soci::i_null, ended_set = soci::i_null;

  static constexpr std::string_view names =
      "run, name, definition, file, project, code_hash, status, phase, reason, branch, "
      "working_dir, pr_url, created_event, result_event, created_at, started_at, ended_at, events, "
      "paused, steps_active, steps_waiting, origin, parent, parent_key, events_seen, forked_from, "
      "forked_at";

  void set(long long number, const ProjectedRun& from);
  ProjectedRun get() const;
};

struct StepColumns {
  long long run = 0, position = 0, attempts = 0, success = 0, scheduled_at = 0, started_at = 0,
            ended_at = 0, due_at = 0;
  std::string key, type, name, phase, status, error, event;
  soci::indicator started_set = soci::i_null, ended_set = soci::i_null, due_set = soci::i_null;

  static constexpr std::string_view names =
      "run, key, position, type, name, phase, status, attempts, success, error, scheduled_at, "
      "started_at, ended_at, due_at, event";

  void set(long long number, const ProjectedStep& from);
  ProjectedStep get() const;
};

// `statement` followed by the columns, in the order of `names`.
soci::details::prepare_temp_type into_columns(soci::details::prepare_temp_type statement,
                                              RunColumns& columns);
soci::details::prepare_temp_type into_columns(soci::details::prepare_temp_type statement,
                                              StepColumns& columns);

// Prepared statements over the two tables, bound to their own columns.
class ProjectionRows {
 public:
  explicit ProjectionRows(Connection& connection);

  std::optional<ProjectedRun> run(long long number);
  std::optional<ProjectedStep> step(long long number, const history::StepKey& key);
  void put(long long number, const ProjectedRun& run);
  void put(long long number, const ProjectedStep& step);

 private:
  RunColumns run_;
  StepColumns step_;
  soci::statement select_run_;
  soci::statement select_step_;
  soci::statement put_run_;
  soci::statement put_step_;
};

}  // namespace agentcmd::store
