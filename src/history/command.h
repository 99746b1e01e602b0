#pragma once
// What workflow code wants: the answers of a worker to an activation. Those in `Matched` are part
// of strict replay (the n-th of a replay must equal the n-th recorded one in kind, key and type);
// notes are shown and take no part.

#include "history/event.h"

#include <string>
#include <variant>
#include <vector>

namespace agentcmd::history {

struct ScheduleStep {
  StepKey key;
  std::string type;
  std::string name;
  std::string phase;
  JsonText input;  // {config…, "options": {…}}: what the step type reads
  bool operator==(const ScheduleStep&) const = default;
};

// The workflow no longer waits for it: it returned, threw, or was cancelled.
struct CancelStep {
  StepKey key;
  bool operator==(const CancelStep&) const = default;
};

struct StartTimer {
  StepKey key;
  std::string name;
  std::string phase;
  Time fire_at;
  bool operator==(const StartTimer&) const = default;
};

struct CancelTimer {
  StepKey key;
  bool operator==(const CancelTimer&) const = default;
};

// PhaseStarted, PhaseCompleted, PhaseFailed, Annotated, Logged or RunUpdated.
struct Note {
  Detail detail;
  bool operator==(const Note&) const = default;
};

struct CompleteRun {
  JsonText result;
  bool operator==(const CompleteRun&) const = default;
};

struct FailRun {
  Failure failure;
  bool operator==(const FailRun&) const = default;
};

struct CancelRun {
  bool operator==(const CancelRun&) const = default;
};

using Command = std::variant<ScheduleStep, CancelStep, StartTimer, CancelTimer, Note, CompleteRun,
                             FailRun, CancelRun>;

}  // namespace agentcmd::history
