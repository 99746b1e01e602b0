#include "engine/memo.h"

#include "base/fault.h"
#include "base/id.h"
#include "engine/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace agentcmd::engine {

using history::Event;
using history::EventReceived;
using history::GateDecided;
using history::GateOpened;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
using history::StepScheduled;
using history::StepTimedOut;
using history::TimerFired;
using history::TimerStarted;
using history::WaitMatched;
using history::WaitStarted;
using history::WaitTimedOut;

namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// Collects what has ended, event by event.
class Collector {
 public:
  void add(const Event& event) {
    std::visit(Overloaded{
                   [&](const StepScheduled& step) { scheduled_[step.key] = &step; },
                   [&](const StepCompleted& step) { complete(step); },
                   [&](const TimerFired& timer) { memo_[timer.key] = MemoTimer{}; },
                   [&](const EventReceived& event) { events_[event.event] = &event; },
                   [&](const WaitMatched& wait) { match(wait); },
                   [&](const WaitTimedOut& wait) { memo_[wait.key] = MemoWait{.timed_out = true}; },
                   [&](const GateDecided& gate) {
                     if (gate.step.text.empty()) memo_[gate.key] = MemoGate{gate};
                   },
                   [](const auto&) {},
               },
               event.detail);
  }

  Memo take() { return std::move(memo_); }

 private:
  void complete(const StepCompleted& step) {
    const auto scheduled = scheduled_.find(step.key);
    if (scheduled == scheduled_.end()) {
      throw Fault("damaged history: step " + step.key.text + " was never scheduled");
    }
    const auto& [type, input] = std::pair(scheduled->second->type, scheduled->second->input);
    if (is_system_step(type)) return;
    memo_[step.key] = MemoStep{.type = type,
                               .success = step.success,
                               .output = step.output,
                               .input_hash = input_hash(input)};
  }

  void match(const WaitMatched& wait) {
    const auto event = events_.find(wait.event);
    if (event == events_.end()) throw Fault("damaged history: no event " + wait.event);
    memo_[wait.key] = MemoWait{.name = event->second->name,
                               .sent_at = event->second->sent_at,
                               .data = event->second->data};
  }

  Memo memo_;
  std::map<StepKey, const StepScheduled*> scheduled_;
  std::map<std::string, const EventReceived*> events_;
};

// The step that threw last, else the last one without success.
std::optional<StepKey> failed_step(std::span<const Event> events) {
  std::set<StepKey> system;
  std::optional<StepKey> thrown;
  std::optional<StepKey> unsuccessful;
  for (const auto& event : events) {
    if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
      if (is_system_step(scheduled->type)) system.insert(scheduled->key);
    } else if (const auto* failed = std::get_if<StepFailed>(&event.detail)) {
      if (!failed->retry && !system.contains(failed->key)) thrown = failed->key;
    } else if (const auto* timed_out = std::get_if<StepTimedOut>(&event.detail)) {
      thrown = timed_out->key;
    } else if (const auto* completed = std::get_if<StepCompleted>(&event.detail)) {
      if (!completed->success) unsuccessful = completed->key;
    }
  }
  return thrown ? thrown : unsuccessful;
}

Json to_json(const Memo::mapped_type& entry) {
  return std::visit(Overloaded{
                        [](const MemoStep& step) -> Json {
                          return {{"kind", "step"},
                                  {"type", step.type},
                                  {"success", step.success},
                                  {"output", step.output.text},
                                  {"input", step.input_hash}};
                        },
                        [](const MemoWait& wait) -> Json {
                          if (wait.timed_out) return {{"kind", "wait"}, {"timed_out", true}};
                          return {{"kind", "wait"},
                                  {"name", wait.name},
                                  {"sent_at", to_millis(wait.sent_at)},
                                  {"data", wait.data.text}};
                        },
                        [](const MemoGate& gate) -> Json {
                          return {{"kind", "gate"},
                                  {"approved", gate.decision.approved},
                                  {"timed_out", gate.decision.timed_out},
                                  {"option", gate.decision.option},
                                  {"by", gate.decision.by},
                                  {"reason", gate.decision.reason}};
                        },
                        [](const MemoTimer&) -> Json { return {{"kind", "timer"}}; },
                    },
                    entry);
}

Memo::mapped_type entry_from(const StepKey& key, const Json& json) {
  const auto kind = string_or(json, "kind");
  if (kind == "step") {
    return MemoStep{.type = string_or(json, "type"),
                    .success = bool_or(json, "success", true),
                    .output = {string_or(json, "output")},
                    .input_hash = string_or(json, "input")};
  }
  if (kind == "wait") {
    return MemoWait{.timed_out = bool_or(json, "timed_out"),
                    .name = string_or(json, "name"),
                    .sent_at = from_millis(int_or(json, "sent_at")),
                    .data = {string_or(json, "data")}};
  }
  if (kind == "gate") {
    return MemoGate{{.key = key,
                     .approved = bool_or(json, "approved"),
                     .timed_out = bool_or(json, "timed_out"),
                     .option = string_or(json, "option"),
                     .by = string_or(json, "by"),
                     .reason = string_or(json, "reason")}};
  }
  if (kind == "timer") return MemoTimer{};
  throw Fault(fmt::format("damaged memo: '{}' is of the unknown kind '{}'", key.text, kind));
}

}  // namespace

const StepKey* asked_for(const Event& event) {
  return std::visit(Overloaded{[](const StepScheduled& step) { return &step.key; },
                               [](const TimerStarted& timer) { return &timer.key; },
                               [](const WaitStarted& wait) { return &wait.key; },
                               [](const GateOpened& gate) {
                                 return gate.step.text.empty() ? &gate.key : nullptr;
                               },
                               [](const auto&) -> const StepKey* { return nullptr; }},
                    event.detail);
}

std::string input_hash(const JsonText& input) {
  constexpr std::size_t digits = 16;
  return sha256_hex(input.text).substr(0, digits);
}

std::vector<std::string> closures_in(const Memo& memo) {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : memo) {
    if (fits<MemoStep>(entry, closure_type)) keys.push_back(key.text);
  }
  return keys;
}

bool is_system_step(std::string_view type) {
  constexpr std::array<std::string_view, 3> types{"setupWorkspace", "finalizeWorkspace",
                                                  "cleanupWorkspace"};
  return std::ranges::find(types, type) != types.end();
}

Memo memo_of(std::span<const Event> from) {
  Collector collector;
  for (const auto& event : from) collector.add(event);
  return collector.take();
}

Memo memo_before(std::span<const Event> from, const StepKey& at) {
  const auto asked = std::ranges::find_if(from, [&](const Event& event) {
    const auto* key = asked_for(event);
    return key != nullptr && *key == at;
  });
  if (asked == from.end()) throw Fault("the run has no step '" + at.text + "'");
  return memo_of(from.first(static_cast<std::size_t>(asked - from.begin())));
}

Memo memo_for_retry(std::span<const Event> from, StepKey& at) {
  const auto failed = failed_step(from);
  at = failed.value_or(StepKey{});
  if (!failed) return memo_of(from);
  auto memo = memo_of(from);
  // What was asked for after it may depend on it; what ran beside it and ended does not.
  const auto before = memo_before(from, *failed);
  bool reached = false;
  for (const auto& event : from) {
    const auto* key = asked_for(event);
    if (key == nullptr) continue;
    reached = reached || *key == *failed;
    if (reached && !before.contains(*key)) memo.erase(*key);
  }
  return memo;
}

JsonText memo_text(const Memo& memo) {
  Json json = Json::object();
  for (const auto& [key, entry] : memo) json[key.text] = to_json(entry);
  return {to_text(json)};
}

Memo memo_from(const JsonText& text) {
  Memo memo;
  const auto json = parse_trusted(text.text, "memo of the run");
  for (const auto& [name, entry] : json.items()) {
    const StepKey key{name};
    memo.emplace(key, entry_from(key, entry));
  }
  return memo;
}

}  // namespace agentcmd::engine
