#pragma once
// What the projections say of a run, as a pure function of its events, one after the other.

#include "history/event.h"
#include "store/catalog.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace agentcmd::store {

// A run as the projections keep it. Of `row`, id, owner, request and result are not kept: they are
// joined in where a row is read.
struct ProjectedRun {
  RunRow row;
  std::int64_t created_event = 0;            // row of RunCreated in the history
  std::optional<std::int64_t> result_event;  // row of RunCompleted
  bool paused = false;
  std::int64_t steps_active = 0;   // queued, running or being recovered
  std::int64_t steps_waiting = 0;  // timers, and steps before their next attempt
  // By the name of the event: id of the last one that was received.
  std::map<std::string, std::uint64_t> events_seen;
  bool operator==(const ProjectedRun&) const = default;
};

struct ProjectedStep {
  StepRow row;
  std::uint64_t position = 0;  // sequence number of its first event
  bool operator==(const ProjectedStep&) const = default;
};

class StepTable {
 public:
  virtual ~StepTable() = default;
  StepTable(const StepTable&) = delete;
  StepTable& operator=(const StepTable&) = delete;
  // Null for a step that was never scheduled. What is found may be changed in place.
  virtual ProjectedStep* find(const history::StepKey& key) = 0;
  virtual void add(ProjectedStep step) = 0;

 protected:
  StepTable() = default;
};

// Adds one event. `history_id` is its row.
void fold(const history::Event& event, std::int64_t history_id, ProjectedRun& run,
          StepTable& steps);

// False for kinds whose payload says nothing to fold(), so that it need not be read.
bool needs_payload(std::string_view kind);

}  // namespace agentcmd::store
