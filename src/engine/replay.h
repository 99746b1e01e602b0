#pragma once
// Strict replay. The code of a run is a function of what happened: given the jobs of its history
// again, in the same order and at the same times, it must ask for the same things in the same
// order. The n-th command of a replay must equal the n-th recorded one in kind, key and type. Where
// it does not, the code and the history no longer belong together, and the run is paused with both
// sides shown; it never fails or guesses.

#include "history/activation.h"
#include "history/event.h"

#include <optional>
#include <string>
#include <vector>

namespace agentcmd::engine {

// Whether the code is told of it.
bool is_job(const history::Detail& detail);

// What the code is told. `created` is the run's first event: the start job repeats it.
// Precondition: is_job(event.detail).
history::Job job_of(const history::Event& event, const history::RunCreated& created);

// One thing that the code asked for, as far as replay compares it.
struct Asked {
  std::string kind;  // "step", "timer", "wait", "gate"
  std::string key;
  std::string type;  // of a step; name of the event of a wait
  bool operator==(const Asked&) const = default;
};

// For people: "step 'build/compile' (cli)".
std::string describe(const Asked& asked);

std::vector<Asked> asked_in(const std::vector<history::Event>& events);
std::vector<Asked> asked_in(const std::vector<history::Command>& commands);

struct Mismatch {
  std::size_t index = 0;  // of the first difference, from 0
  std::optional<Asked>
      expected;                // recorded; nothing where the code asks for more than was recorded
  std::optional<Asked> found;  // asked for now; nothing where the code asks for less
};

// What a replay asked for, against what is recorded.
std::optional<Mismatch> compare(const std::vector<Asked>& recorded,
                                const std::vector<Asked>& found);

// RunPaused with reason "nondeterminism", for people and for `runs why`.
history::RunPaused pause_for(const Mismatch& mismatch);

}  // namespace agentcmd::engine
