#pragma once
// What an answer of the code leads to: a pure function of the run's state. The caller records the
// details in one append, together with the event that the code answered, and performs the rest once
// that is durable.

#include "engine/run_state.h"
#include "history/activation.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::engine {

struct Decision {
  std::vector<history::Detail> details;  // to be appended, in this order
  std::vector<history::StepKey> stop;    // running attempts that nobody waits for any more
  // What happens next without anybody's doing, as the memo has it: told to the code after this
  // commit.
  std::vector<history::Detail> known;
  // The run's own end, to be appended once no attempt is running: RunCompleted, RunFailed,
  // RunCancelled.
  std::optional<history::Detail> ending;
};

// `take_slot(type)` says whether a step of that type may start now (limits of the driver); closures
// always may. `state` must have seen the events that `commands` answer.
Decision decide(const RunState& state, const std::vector<history::Command>& commands,
                const std::function<bool(const std::string& type)>& take_slot);

// As Decision::known, for all that `state` has open: after a restart.
std::vector<history::Detail> known_of(const RunState& state);

// What an attempt that threw or timed out leads to: another attempt later, the error for the
// workflow, or a pause until somebody has looked. `ended` is a StepFailed without `retry`, or a
// StepTimedOut, of a step that is open.
std::vector<history::Detail> after_failure(const RunState& state, Time at,
                                           const history::Detail& ended);

// The details as the next events of the run.
std::vector<history::Event> number(const RunState& state, Time at,
                                   std::vector<history::Detail> details);

// Steps of this type run inside the worker.
inline constexpr std::string_view closure_type = "run";

}  // namespace agentcmd::engine
