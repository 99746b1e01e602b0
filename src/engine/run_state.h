#pragma once
// What a history means now: the fold of a run's events. It keeps what is open and nothing of what
// has ended, so that the cost of an event does not grow with the run.

#include "engine/memo.h"
#include "engine/timeouts.h"
#include "history/event.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::engine {

struct OpenStep {
  std::string type;
  std::string name;
  std::string phase;
  JsonText input;
  StepTimeouts timeouts;
  Time scheduled_at;
  Time started_at;       // of the attempt
  Milliseconds held{0};  // how long the run was paused meanwhile
  std::string last_error;
  std::uint32_t attempt = 0;                // 0 until the first StepStarted
  std::uint32_t failures = 0;               // attempts that threw
  std::uint32_t losses = 0;                 // attempts lost in a row
  bool running = false;                     // an attempt has started and is neither lost nor failed
  std::optional<Time> retry_at;             // set between a failure and the attempt after it
  std::optional<JsonText> checkpoint;       // of the attempt that runs
  std::optional<JsonText> lost_checkpoint;  // of those that were lost or failed before it, merged
  std::string lost_policy;  // set while the last attempt is lost: "ask", "retry", ...
  // Of the attempt that runs: what it asked people and was told, and with which event.
  struct Answer {
    history::GateDecided decision;
    std::uint64_t seq = 0;
  };
  std::map<history::StepKey, Answer> answers;
};

struct OpenTimer {
  Time fire_at;
};

struct OpenWait {
  std::string event;
  std::optional<Time> timeout_at;
};

struct OpenGate {
  std::string phase;
  history::StepKey step;  // that asks; empty: the code does
  JsonText gate;
  std::optional<Time> timeout_at;
};

struct RunState {
  std::uint64_t seq = 0;  // of the last event
  history::RunCreated created;
  std::string code_hash;  // the pin: of RunCreated, or of the last RunResumed
  bool started = false;
  Time started_at;
  Milliseconds held{0};  // how long it was paused since
  bool cancel_requested = false;
  bool timed_out = false;  // the request is that of its timeout
  Time cancel_requested_at;
  std::optional<history::RunPaused> paused;  // set while the run is paused
  Time paused_at;
  std::optional<history::Detail> end;  // RunCompleted, RunFailed or RunCancelled
  std::map<history::StepKey, OpenStep> steps;
  std::map<history::StepKey, OpenTimer> timers;
  std::map<history::StepKey, OpenWait> waits;
  std::map<history::StepKey, OpenGate> gates;
  // By the name of the event: id of the last one that was received.
  std::map<std::string, std::uint64_t> last_event;
  std::vector<std::string> patches;  // ids of step.patched that said true
  std::vector<std::string> allowed;  // rules that people have given steps of this run
  Memo memo;  // of a retry or fork; what the code has asked for is no longer in it
  Json facts = Json::object();  // all RunUpdated, merged: working_dir, branch, pr_url, ...

  // While the run is paused: what was recorded since, and the code has not seen yet. Everything
  // else that the code reacts to is committed together with its reaction, as these are with
  // RunResumed.
  std::vector<history::Event> unseen;

  // Throws Fault where the event cannot follow (see the invariants in history/event.h).
  void apply(const history::Event& event);

  // The path of the run's working directory: of its workspace once that is set up, else the
  // project.
  std::string working_dir() const;
};

// `events` is a whole history.
RunState state_of(const std::vector<history::Event>& events);

}  // namespace agentcmd::engine
