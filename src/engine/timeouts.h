#pragma once
// The timeouts that whoever drives a run enforces. Each moment follows from recorded times, so that
// it holds across a crash; time that the run was paused is left out of all but an attempt's. A step
// has four:
//   queue    how long it may wait for a slot, from StepScheduled, or from the time of its retry
//   attempt  how long one attempt may take; that of a process is enforced by its supervisor, of git
//            and files by the step, so that only a closure's is enforced here
//   total    all attempts and the waits between them, from StepScheduled
//   silence  no sign of life; watched by whoever attends the process (steps/silence.h)
// A run has one, from RunStarted (RunCreated::timeout).

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

#include <optional>
#include <string_view>

namespace agentcmd::engine {

struct OpenStep;
struct RunState;

struct StepTimeouts {
  std::optional<Milliseconds> queue;
  std::optional<Milliseconds> attempt;
  std::optional<Milliseconds> total;
  bool operator==(const StepTimeouts&) const = default;
};

// `options` of a step's input: queueTimeout, timeout, totalTimeout, in milliseconds. What does not
// fit is taken as not said: the SDK has refused it before.
StepTimeouts step_timeouts(const JsonText& input);

struct StepDeadline {
  std::string_view which;  // "queue", "attempt", "total"
  Time at;
};

// The earliest that is enforced here.
std::optional<StepDeadline> deadline_of(const OpenStep& step);

// For StepTimedOut: which timeout it was, how long, and what was seen of the step.
history::Failure timeout_failure(const history::StepKey& key, const OpenStep& step,
                                 std::string_view which);

std::optional<Time> deadline_of(const RunState& state);

// What the run is asked for when that has come.
history::RunCancelRequested run_timed_out(const RunState& state);

// How such a run ends where its code no longer can say so.
history::RunFailed end_of_timed_out(const RunState& state);

}  // namespace agentcmd::engine
