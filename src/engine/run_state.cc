#include "engine/run_state.h"

#include "base/fault.h"
#include "engine/replay.h"

#include <fmt/format.h>

namespace agentcmd::engine {

using history::Annotated;
using history::Event;
using history::Logged;
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

namespace {

// Applies one event. One overload for each kind that changes the state.
class Applier {
 public:
  Applier(RunState& state, const Event& event) : state_(state), event_(event) {}

  void operator()(const RunCreated& created) {
    state_.created = created;
    state_.code_hash = created.code_hash;
  }
  void operator()(const RunStarted&) { state_.started = true; }
  void operator()(const RunCancelRequested&) {
    state_.cancel_requested = true;
    state_.cancel_requested_at = event_.at;
  }
  void operator()(const RunPaused& paused) { state_.paused = paused; }
  void operator()(const RunResumed& resumed) {
    state_.paused.reset();
    state_.unseen.clear();
    state_.code_hash = resumed.code_hash;
  }
  void operator()(const RunCompleted& completed) { state_.end = completed; }
  void operator()(const RunFailed& failed) { state_.end = failed; }
  void operator()(const RunCancelled& cancelled) { state_.end = cancelled; }

  void operator()(const StepScheduled& scheduled) {
    OpenStep step{.type = scheduled.type,
                  .name = scheduled.name,
                  .phase = scheduled.phase,
                  .input = scheduled.input};
    if (!state_.steps.emplace(scheduled.key, std::move(step)).second) {
      refuse(scheduled.key, "is scheduled twice");
    }
  }
  void operator()(const StepStarted& started) {
    auto& step = open(started.key);
    step.attempt = started.attempt;
    step.running = true;
    step.lost_policy.clear();
    step.checkpoint.reset();
  }
  void operator()(const StepCheckpoint& checkpoint) {
    open(checkpoint.key).checkpoint = checkpoint.data;
  }
  void operator()(const StepLost& lost) {
    auto& step = open(lost.key);
    step.running = false;
    step.lost_policy = lost.policy;
    if (step.checkpoint) step.lost_checkpoint = step.checkpoint;
  }
  void operator()(const StepFailed& failed) {
    if (failed.retry) {
      open(failed.key).running = false;
    } else {
      close(failed.key);
    }
  }
  void operator()(const StepCompleted& completed) { close(completed.key); }
  void operator()(const StepTimedOut& timed_out) { close(timed_out.key); }
  void operator()(const StepCancelled& cancelled) { close(cancelled.key); }

  void operator()(const TimerStarted& timer) {
    state_.timers.emplace(timer.key, OpenTimer{.fire_at = timer.fire_at});
  }
  void operator()(const TimerFired& timer) { state_.timers.erase(timer.key); }
  void operator()(const TimerCancelled& timer) { state_.timers.erase(timer.key); }

  void operator()(const RunUpdated& updated) {
    state_.facts.update(parse_trusted(updated.fields.text, "recorded fields of the run"));
  }

  // Shown, but without meaning for what happens next.
  void operator()(const PhaseStarted&) {}
  void operator()(const PhaseCompleted&) {}
  void operator()(const PhaseFailed&) {}
  void operator()(const Annotated&) {}
  void operator()(const Logged&) {}

 private:
  OpenStep& open(const StepKey& key) {
    const auto found = state_.steps.find(key);
    if (found == state_.steps.end()) refuse(key, "is not open");
    return found->second;
  }

  void close(const StepKey& key) {
    open(key);
    state_.steps.erase(key);
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
