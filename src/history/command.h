#pragma once
// What workflow code wants: the answers of a worker to an activation. Those in `Matched` are part
// of strict replay (the n-th of a replay must equal the n-th recorded one in kind, key and type);
// notes are shown and take no part. `place` is where the code asked, "file:line:column" of the
// user's source, and filled in only when an activation wants it (Activation::locate).

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
  std::string place = {};
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
  std::string place = {};
  bool operator==(const StartTimer&) const = default;
};

struct CancelTimer {
  StepKey key;
  bool operator==(const CancelTimer&) const = default;
};

struct StartWait {
  StepKey key;
  std::string name;
  std::string phase;
  std::string event;
  Time timeout_at;  // the epoch: waits for ever
  std::string place = {};
  bool operator==(const StartWait&) const = default;
};

// The wait has taken this event.
struct MatchWait {
  StepKey key;
  std::string event;  // id
  bool operator==(const MatchWait&) const = default;
};

struct CancelWait {
  StepKey key;
  bool operator==(const CancelWait&) const = default;
};

struct StartGate {
  StepKey key;
  std::string name;
  std::string phase;
  Time timeout_at;  // the epoch: waits for ever
  JsonText gate;
  std::string place = {};
  bool operator==(const StartGate&) const = default;
};

struct CancelGate {
  StepKey key;
  bool operator==(const CancelGate&) const = default;
};

// PhaseStarted, PhaseCompleted, PhaseFailed, Annotated, Logged, RunUpdated or PatchMarked.
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

using Command =
    std::variant<ScheduleStep, CancelStep, StartTimer, CancelTimer, StartWait, MatchWait,
                 CancelWait, StartGate, CancelGate, Note, CompleteRun, FailRun, CancelRun>;

}  // namespace agentcmd::history
