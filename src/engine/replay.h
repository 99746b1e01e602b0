#pragma once
// Strict replay. The code of a run is a function of what happened: given the jobs of its history
// again, in the same order and at the same times, it must ask for the same things in the same
// order. The n-th command of a replay must equal the n-th recorded one in kind, key and type. Where
// it does not, the code and the history no longer belong together, and the run is paused with both
// sides shown; it never fails or guesses.

#include "engine/run_state.h"
#include "history/activation.h"
#include "history/event.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace agentcmd::engine {

// Flag of RunStarted: the code is told the run's id. Histories of before are replayed without it.
inline constexpr std::uint32_t flag_run_id = 1;

// Whether the code is told of it.
bool is_job(const history::Detail& detail);

// What the code of `run` is told. `created` is its first event: the start job repeats it.
// Precondition: is_job(event.detail).
history::Job job_of(const history::RunId& run, const history::Event& event,
                    const history::RunCreated& created);

// One thing that the code asked for, as far as replay compares it.
struct Asked {
  std::string kind;  // "step", "timer", "wait", "gate"
  std::string key;
  std::string type;   // of a step; name of the event of a wait
  std::string place;  // "file:line:column" of the code that asks now, where that is known
  // The place is no part of what is compared.
  bool operator==(const Asked& other) const {
    return kind == other.kind && key == other.key && type == other.type;
  }
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

// For people, on one line: "command 3: recorded was step 'a' (cli), the code now asks for step 'b'
// (cli) at flow.ts:12:9".
std::string describe(const Mismatch& mismatch);
// {"index", "expected", "found"}; a side is {"kind", "key", "type", "place"?} or null.
Json to_json(const Mismatch& mismatch);

// What the code of a run has seen: all but what was recorded since it was paused.
std::uint64_t last_seen(const RunState& state);

// A replay of the history as far as the code has seen it, told to `code_hash`. `state` is the fold
// of `events`. Without jobs where the code was never told anything.
history::Activation replay_of(const history::RunId& run, const RunState& state,
                              std::span<const history::Event> events, std::string code_hash);

// RunPaused with reason "nondeterminism", for people and for `runs why`.
history::RunPaused pause_for(const Mismatch& mismatch);

}  // namespace agentcmd::engine
