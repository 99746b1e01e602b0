#include "engine/run_state.h"

#include "base/fault.h"
#include "engine/replay.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace agentcmd::engine {

using history::Annotated;
using history::Event;
using history::EventReceived;
using history::GateCancelled;
using history::GateDecided;
using history::GateOpened;
using history::Logged;
using history::MemoImported;
using history::PatchMarked;
using history::PhaseCompleted;
using history::PhaseFailed;
using history::PhaseStarted;
using history::RunCancelled;
using history::RunCancelRequested;
using history::RunCompleted;
using history::RunCreated;
using history::RunFailed;
using history::RunPaused;
using history::RunResumed;
using history::RunStarted;
using history::RunUpdated;
using history::StepCancelled;
using history::StepCheckpoint;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
using history::StepLost;
using history::StepScheduled;
using history::StepStarted;
using history::StepTimedOut;
using history::TimerCancelled;
using history::TimerFired;
using history::TimerStarted;
using history::WaitCancelled;
using history::WaitMatched;
using history::WaitStarted;
using history::WaitTimedOut;

namespace {

// Applies one event. One overload for each kind that changes the state.
class Applier {
 public:
  Applier(RunState& state, const Event& event) : state_(state), event_(event) {}

  void operator()(const RunCreated& created) {
    state_.created = created;
    state_.code_hash = created.code_hash;
  }
  void operator()(const RunStarted&) {
    state_.started = true;
    state_.started_at = event_.at;
  }
  void operator()(const RunCancelRequested& request) {
    state_.cancel_requested = true;
    state_.timed_out = request.timeout;
    state_.cancel_requested_at = event_.at;
  }
  void operator()(const RunPaused& paused) {
    if (!state_.paused) state_.paused_at = event_.at;
    state_.paused = paused;
  }
  void operator()(const RunResumed& resumed) {
    if (state_.paused) hold(event_.at - state_.paused_at);
    state_.paused.reset();
    state_.unseen.clear();
    state_.code_hash = resumed.code_hash;
  }
  void operator()(const RunCompleted& completed) { state_.end = completed; }
  void operator()(const RunFailed& failed) { state_.end = failed; }
  void operator()(const RunCancelled& cancelled) { state_.end = cancelled; }

  void operator()(const MemoImported& imported) { state_.memo = memo_from(imported.memo); }

  void operator()(const StepScheduled& scheduled) {
    OpenStep step{.type = scheduled.type,
                  .name = scheduled.name,
                  .phase = scheduled.phase,
                  .input = scheduled.input,
                  .timeouts = step_timeouts(scheduled.input),
                  .scheduled_at = event_.at};
    if (!state_.steps.emplace(scheduled.key, std::move(step)).second) {
      refuse(scheduled.key, "is scheduled twice");
    }
    keep_known_only<MemoStep>(scheduled.key, scheduled.type);
  }
  void operator()(const StepStarted& started) {
    auto& step = open(started.key);
    step.attempt = started.attempt;
    step.started_at = event_.at;
    step.running = true;
    step.retry_at.reset();
    step.lost_policy.clear();
    step.checkpoint.reset();
    step.answers.clear();
  }
  void operator()(const StepCheckpoint& checkpoint) {
    merge(open(checkpoint.key).checkpoint, checkpoint.data);
  }
  void operator()(const StepLost& lost) {
    auto& step = open(lost.key);
    step.last_error = lost.reason;
    if (step.running) ++step.losses;  // else its probe could not tell
    step.running = false;
    step.lost_policy = lost.policy;
    if (step.checkpoint) merge(step.lost_checkpoint, *step.checkpoint);
  }
  void operator()(const StepFailed& failed) {
    if (!failed.retry) return close(failed.key);
    auto& step = open(failed.key);
    step.last_error = failed.failure.message;
    step.running = false;
    step.losses = 0;
    ++step.failures;
    if (failed.retry_at != Time()) step.retry_at = failed.retry_at;
    if (step.checkpoint) merge(step.lost_checkpoint, *step.checkpoint);
  }
  void operator()(const StepCompleted& completed) { close(completed.key); }
  void operator()(const StepTimedOut& timed_out) { close(timed_out.key); }
  void operator()(const StepCancelled& cancelled) { close(cancelled.key); }

  void operator()(const TimerStarted& timer) {
    state_.timers.emplace(timer.key, OpenTimer{.fire_at = timer.fire_at});
    keep_known_only<MemoTimer>(timer.key);
  }
  void operator()(const TimerFired& timer) {
    state_.timers.erase(timer.key);
    state_.memo.erase(timer.key);
  }
  void operator()(const TimerCancelled& timer) { state_.timers.erase(timer.key); }

  void operator()(const EventReceived& event) {
    if (event.wait.empty()) {
      state_.last_event[event.name] = event_number(event.event);
    } else {
      state_.memo.erase({event.wait});
    }
  }
  void operator()(const WaitStarted& wait) {
    state_.waits.emplace(wait.key,
                         OpenWait{.event = wait.event, .timeout_at = if_set(wait.timeout_at)});
    keep_known_only<MemoWait>(wait.key);
  }
  void operator()(const WaitMatched& wait) { state_.waits.erase(wait.key); }
  void operator()(const WaitTimedOut& wait) {
    state_.waits.erase(wait.key);
    state_.memo.erase(wait.key);
  }
  void operator()(const WaitCancelled& wait) { state_.waits.erase(wait.key); }

  void operator()(const GateOpened& gate) {
    state_.gates.emplace(gate.key, OpenGate{.phase = gate.phase,
                                            .step = gate.step,
                                            .gate = gate.gate,
                                            .timeout_at = if_set(gate.timeout_at)});
    if (gate.step.text.empty()) keep_known_only<MemoGate>(gate.key);
  }
  void operator()(const GateDecided& gate) {
    if (!gate.step.text.empty()) answer(gate);
    state_.gates.erase(gate.key);
    if (gate.step.text.empty()) state_.memo.erase(gate.key);
  }
  void operator()(const GateCancelled& gate) { state_.gates.erase(gate.key); }

  void operator()(const RunUpdated& updated) {
    state_.facts.update(parse_trusted(updated.fields.text, "recorded fields of the run"));
  }

  // Shown, but without meaning for what happens next.
  void operator()(const PhaseStarted&) {}
  void operator()(const PhaseCompleted&) {}
  void operator()(const PhaseFailed&) {}
  void operator()(const Annotated&) {}
  void operator()(const Logged&) {}
  void operator()(const PatchMarked& patch) { state_.patches.push_back(patch.id); }

 private:
  // What was open during the pause gets its time back.
  void hold(Milliseconds pause) {
    state_.held += pause;
    for (auto& [key, step] : state_.steps) step.held += pause;
  }

  // A step has an answer.
  void answer(const GateDecided& decided) {
    auto& step = open(decided.step);
    step.answers[decided.key] = {.decision = decided, .seq = event_.seq};
    const auto gate = state_.gates.find(decided.key);
    if (gate == state_.gates.end() || decided.option != history::gate_option_for_run) return;
    auto rule = string_or(parse_trusted(gate->second.gate.text, "gate"), "rule");
    if (decided.approved && !rule.empty()) state_.allowed.push_back(std::move(rule));
  }

  static std::optional<Time> if_set(Time time) {
    return time == Time() ? std::nullopt : std::optional(time);
  }

  // Members of `data` replace those of the same name.
  static void merge(std::optional<JsonText>& into, const JsonText& data) {
    if (!into) {
      into = data;
      return;
    }
    auto merged = parse_trusted(into->text, "checkpoint");
    merged.update(parse_trusted(data.text, "checkpoint"));
    into = JsonText{to_text(merged)};
  }

  // What the code asks for by this key is something else than what the memo has: it is done anew.
  template <typename Entry>
  void keep_known_only(const StepKey& key, std::string_view type = {}) {
    const auto known = state_.memo.find(key);
    if (known != state_.memo.end() && !fits<Entry>(known->second, type)) state_.memo.erase(known);
  }

  std::uint64_t event_number(const std::string& id) const {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (error != std::errc() || end != id.data() + id.size()) {
      throw Fault(fmt::format("damaged history at event {}: '{}' is no event", event_.seq, id));
    }
    return number;
  }

  OpenStep& open(const StepKey& key) {
    const auto found = state_.steps.find(key);
    if (found == state_.steps.end()) refuse(key, "is not open");
    return found->second;
  }

  void close(const StepKey& key) {
    open(key);
    state_.steps.erase(key);
    state_.memo.erase(key);
  }

  [[noreturn]] void refuse(const StepKey& key, std::string_view why) const {
    throw Fault(
        fmt::format("damaged history at event {}: step '{}' {}", event_.seq, key.text, why));
  }

  RunState& state_;
  const Event& event_;
};

}  // namespace

void RunState::apply(const Event& event) {
  if (event.seq != seq + 1) {
    throw Fault(fmt::format("damaged history: event {} follows event {}", event.seq, seq));
  }
  if (end) {
    throw Fault(fmt::format("damaged history: event {} follows the end of the run", event.seq));
  }
  const bool was_paused = paused.has_value();
  std::visit(Applier(*this, event), event.detail);
  if (was_paused && is_job(event.detail)) unseen.push_back(event);
  seq = event.seq;
}

std::string RunState::working_dir() const {
  return string_or(facts, "working_dir", created.project);
}

RunState state_of(const std::vector<Event>& events) {
  RunState state;
  for (const auto& event : events) state.apply(event);
  return state;
}

}  // namespace agentcmd::engine
