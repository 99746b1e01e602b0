#pragma once
// What a retry or a fork takes over from a former run: results by key. The new run does what the
// old one did, but whatever is in its memo is over as soon as the code asks for it, and is done
// nowhere.

#include "base/json.h"
#include "history/event.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace agentcmd::engine {

struct MemoStep {
  std::string type;
  bool success = true;
  JsonText output;
  std::string
      input_hash;  // of what it was given: a change is noted, and the result taken all the same
  bool operator==(const MemoStep&) const = default;
};

struct MemoWait {
  bool timed_out = false;
  std::string name;  // of the event
  Time sent_at;
  JsonText data;
  bool operator==(const MemoWait&) const = default;
};

struct MemoGate {
  history::GateDecided decision;
  bool operator==(const MemoGate&) const = default;
};

struct MemoTimer {
  bool operator==(const MemoTimer&) const = default;
};

using Memo = std::map<history::StepKey, std::variant<MemoStep, MemoWait, MemoGate, MemoTimer>>;

// Whether the entry is what the code asks for: of that kind, and a step of that type.
template <typename Entry>
bool fits(const Memo::mapped_type& entry, std::string_view type = {}) {
  const auto* known = std::get_if<Entry>(&entry);
  if constexpr (std::is_same_v<Entry, MemoStep>) return known != nullptr && known->type == type;
  return known != nullptr;
}

// Short, and equal for equal inputs.
std::string input_hash(const JsonText& input);

// Steps that make or end the run's workspace belong to one run and are never taken over.
bool is_system_step(std::string_view type);

// Keys of the closures in it: the worker must not begin them.
std::vector<std::string> closures_in(const Memo& memo);

// The key that the code asked for by this event; nullptr where it is about something else.
const history::StepKey* asked_for(const history::Event& event);

// All that `from` has found out.
Memo memo_of(std::span<const history::Event> from);

// What `from` had found out when `at`, a step, wait, gate or timer, was asked for. Throws Fault
// where there is no such key.
Memo memo_before(std::span<const history::Event> from, const history::StepKey& at);

// For a retry: what `from` had found out before the step that it failed with. That is the step that
// threw last; where none did, the last one whose result was no success; where all succeeded, the
// code itself failed, and everything is taken over. `at` is set to the key of that step, or
// emptied.
Memo memo_for_retry(std::span<const history::Event> from, history::StepKey& at);

// As the payload of MemoImported, and back; the latter throws Fault for what memo_text did not
// write.
JsonText memo_text(const Memo& memo);
Memo memo_from(const JsonText& text);

}  // namespace agentcmd::engine
