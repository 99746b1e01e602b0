#pragma once
// What a run waits for, in words: the second promise is that everything that has not ended waits
// for something that has a name. A pure function of the run's state and of what is known around it,
// so that `runs why`, the check for stuck runs and the simulation say the same.

#include "engine/run_state.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::engine {

// Where something that must wait for its turn stands.
struct QueuePlace {
  std::size_t place = 0;  // from 1; 0: not known
  std::string limit;      // what holds it back: "8 commands run already"
};

// What the history does not say.
struct WhyFacts {
  history::RunId run;
  Time now;
  Time last_event_at;
  bool driven = false;                            // a live process owns the run
  std::string driver;                             // who: "process 4711"
  std::optional<QueuePlace> run_place;            // of a run that may not begin yet
  std::map<history::StepKey, QueuePlace> queued;  // of steps
  // Gates whose answer is waiting for a driver to take it: by whom.
  std::map<history::StepKey, std::string> answered;
  // Steps that the driver is at work on, or will begin; only the driver itself knows.
  std::optional<std::set<history::StepKey>> held;
};

// One thing that the run waits for.
struct WaitsFor {
  // "driver", "pause", "turn" (of the run), "begin", "step", "queue", "retry", "lost", "child",
  // "timer", "event", "gate", "cancellation" or "end".
  std::string what;
  history::StepKey key;  // empty where it is the run as a whole
  std::string text;
  std::optional<Time> since;
  std::optional<Time> until;          // when it comes to an end by itself
  std::vector<std::string> commands;  // that bring it to an end
  Json detail;                        // of a pause: what was recorded with it; null otherwise
};

struct Why {
  std::vector<WaitsFor> waits;
  // Where the promise is broken: nothing is waited for, or what should have happened has not.
  std::vector<std::string> stuck;
};

// What is asked at the gates that are open, a line each: "approval 'build/ship': Ship it?".
std::vector<std::string> open_gates(const RunState& state);

// For a run that has ended: nothing, and not stuck.
Why why(const RunState& state, const WhyFacts& facts);

// From when on the run is stuck if nothing happens to it; nothing for one that may wait for ever.
std::optional<Time> stuck_from(const RunState& state, Time last_event_at);

}  // namespace agentcmd::engine
