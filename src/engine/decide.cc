#include "engine/decide.h"

#include "base/check.h"
#include "engine/replay.h"
#include "engine/retry.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace agentcmd::engine {

using history::CancelGate;
using history::CancelRun;
using history::CancelStep;
using history::CancelTimer;
using history::CancelWait;
using history::Command;
using history::CompleteRun;
using history::Detail;
using history::Event;
using history::EventReceived;
using history::FailRun;
using history::GateCancelled;
using history::GateOpened;
using history::Logged;
using history::MatchWait;
using history::Note;
using history::RunCancelled;
using history::RunCompleted;
using history::RunFailed;
using history::RunPaused;
using history::ScheduleStep;
using history::StartGate;
using history::StartTimer;
using history::StartWait;
using history::StepCancelled;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
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

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

Detail known_end(const StepKey& key, const Memo::mapped_type& entry) {
  return std::visit(
      Overloaded{
          [&](const MemoStep& step) -> Detail {
            return StepCompleted{
                .key = key, .success = step.success, .output = step.output, .imported = true};
          },
          [&](const MemoWait& wait) -> Detail {
            if (wait.timed_out) return WaitTimedOut{key};
            return EventReceived{.event = "memo",
                                 .name = wait.name,
                                 .wait = key.text,
                                 .sent_at = wait.sent_at,
                                 .data = wait.data};
          },
          [](const MemoGate& gate) -> Detail { return gate.decision; },
          [&](const MemoTimer&) -> Detail { return TimerFired{key}; },
      },
      entry);
}

class Decider {
 public:
  Decider(const RunState& state, const std::function<bool(const std::string&)>& take_slot)
      : state_(state), take_slot_(take_slot) {}

  void operator()(const ScheduleStep& command) {
    AGENTCMD_CHECK(!state_.steps.contains(command.key) && !scheduled_.contains(command.key),
                   "the code scheduled step '{}' twice", command.key.text);
    scheduled_.insert(command.key);
    add(StepScheduled{.key = command.key,
                      .type = command.type,
                      .name = command.name,
                      .phase = command.phase,
                      .input = command.input});
    if (know<MemoStep>(command.key, command.type)) {
      note_changed_input(command);
      return;
    }
    if (command.type == closure_type || take_slot_(command.type)) {
      add(StepStarted{.key = command.key, .attempt = 1});
    }
  }

  // A running process is stopped first; what has not begun, or cannot be stopped from outside (a
  // closure), is over at once.
  void operator()(const CancelStep& command) {
    const auto open = state_.steps.find(command.key);
    const bool known = open != state_.steps.end();
    if (!known && !scheduled_.contains(command.key)) return;  // it ended before
    if (!cancelled_.insert(command.key).second) return;
    if (known && open->second.running && open->second.type != closure_type) {
      decision_.stop.push_back(command.key);
    } else {
      add(StepCancelled{command.key});
    }
  }

  void operator()(const StartTimer& command) {
    timers_.insert(command.key);
    add(TimerStarted{.key = command.key,
                     .name = command.name,
                     .phase = command.phase,
                     .fire_at = command.fire_at});
    know<MemoTimer>(command.key);
  }

  void operator()(const CancelTimer& command) {
    if (timers_.erase(command.key) == 1 || is_open_timer(command.key)) {
      cancelled_timers_.insert(command.key);
      add(TimerCancelled{command.key});
    }
  }

  void operator()(const StartWait& command) {
    waits_.insert(command.key);
    add(WaitStarted{.key = command.key,
                    .name = command.name,
                    .phase = command.phase,
                    .event = command.event,
                    .timeout_at = command.timeout_at});
    know<MemoWait>(command.key);
  }
  void operator()(const MatchWait& command) {
    waits_.erase(command.key);
    ended_waits_.insert(command.key);
    add(WaitMatched{.key = command.key, .event = command.event});
  }
  void operator()(const CancelWait& command) {
    const bool open = state_.waits.contains(command.key) && !ended_waits_.contains(command.key);
    if (waits_.erase(command.key) == 0 && !open) return;
    ended_waits_.insert(command.key);
    add(WaitCancelled{command.key});
  }

  void operator()(const StartGate& command) {
    gates_.insert(command.key);
    add(GateOpened{.key = command.key,
                   .name = command.name,
                   .phase = command.phase,
                   .timeout_at = command.timeout_at,
                   .gate = command.gate});
    know<MemoGate>(command.key);
  }
  void operator()(const CancelGate& command) {
    const bool open = state_.gates.contains(command.key) && !cancelled_gates_.contains(command.key);
    if (gates_.erase(command.key) == 0 && !open) return;
    cancelled_gates_.insert(command.key);
    add(GateCancelled{command.key});
  }

  void operator()(const Note& command) { add(command.detail); }

  void operator()(const CompleteRun& command) { end(RunCompleted{command.result}); }
  void operator()(const FailRun& command) { end(RunFailed{command.failure}); }
  void operator()(const CancelRun&) { end(RunCancelled{}); }

  Decision take() { return std::move(decision_); }

 private:
  void add(Detail detail) { decision_.details.push_back(std::move(detail)); }

  bool is_open_timer(const StepKey& key) const {
    return state_.timers.contains(key) && !cancelled_timers_.contains(key);
  }

  template <typename Entry>
  bool know(const StepKey& key, std::string_view type = {}) {
    const auto found = state_.memo.find(key);
    if (found == state_.memo.end() || !fits<Entry>(found->second, type)) return false;
    decision_.known.push_back(known_end(key, found->second));
    return true;
  }

  void note_changed_input(const ScheduleStep& command) {
    const auto& known = std::get<MemoStep>(state_.memo.at(command.key));
    if (known.input_hash.empty() || known.input_hash == input_hash(command.input)) return;
    add(Logged{.level = "warn",
               .phase = command.phase,
               .message = fmt::format("The result of step '{}' is that of the former run, although "
                                      "its input is another now. Fork from this step to do it anew",
                                      command.key.text)});
  }

  // Nothing outlives the run: what the code left open is cancelled with it.
  void end(Detail how) {
    for (const auto& [key, step] : state_.steps) (*this)(CancelStep{key});
    for (const auto& key : scheduled_) (*this)(CancelStep{key});
    for (const auto& [key, timer] : state_.timers) (*this)(CancelTimer{key});
    for (const auto& key : std::exchange(timers_, {})) add(TimerCancelled{key});
    for (const auto& [key, wait] : state_.waits) (*this)(CancelWait{key});
    for (const auto& key : std::set(waits_)) (*this)(CancelWait{key});
    for (const auto& [key, gate] : state_.gates) (*this)(CancelGate{key});
    for (const auto& key : std::set(gates_)) (*this)(CancelGate{key});
    decision_.ending = std::move(how);
  }

  const RunState& state_;
  const std::function<bool(const std::string&)>& take_slot_;
  std::set<StepKey> scheduled_;
  std::set<StepKey> cancelled_;
  std::set<StepKey> timers_;
  std::set<StepKey> cancelled_timers_;
  std::set<StepKey> waits_;
  std::set<StepKey> ended_waits_;
  std::set<StepKey> gates_;
  std::set<StepKey> cancelled_gates_;
  Decision decision_;
};

}  // namespace

Decision decide(const RunState& state, const std::vector<Command>& commands,
                const std::function<bool(const std::string& type)>& take_slot) {
  Decider decider(state, take_slot);
  for (const auto& command : commands) std::visit(decider, command);
  return decider.take();
}

std::vector<Detail> after_failure(const RunState& state, Time at, const Detail& ended) {
  const auto* timed_out = std::get_if<StepTimedOut>(&ended);
  const auto failed = timed_out != nullptr ? StepFailed{.key = timed_out->key,
                                                        .attempt = timed_out->attempt,
                                                        .failure = timed_out->failure}
                                           : std::get<StepFailed>(ended);
  const auto& step = state.steps.at(failed.key);
  const auto policy = retry_policy(step.type, step.input);
  if (timed_out != nullptr && !policy.timeouts) return {ended};
  auto again = failed;
  again.retry = true;
  const auto chance = chance_of(state.created.seed, failed.key, step.failures + 1);
  if (const auto wait = wait_before_retry(policy, failed.failure, step.failures + 1, chance)) {
    again.retry_at = at + *wait;
    return {again};
  }
  if (!policy.pause || failed.failure.final) return {ended};
  const auto message = fmt::format(
      "Step '{}' failed {} times, the last time with: {}\nLook at the cause, then `agentcmd runs "
      "resume` tries once more; `agentcmd runs cancel` gives up.",
      failed.key.text, step.failures + 1, failed.failure.message);
  return {again, RunPaused{.reason = "exhausted",
                           .message = message,
                           .detail = {to_text({{"step", failed.key.text}})}}};
}

std::vector<Detail> known_of(const RunState& state) {
  std::vector<Detail> known;
  for (const auto& [key, entry] : state.memo) {
    const bool open = state.steps.contains(key) || state.timers.contains(key) ||
                      state.waits.contains(key) || state.gates.contains(key);
    if (open) known.push_back(known_end(key, entry));
  }
  return known;
}

std::vector<Event> number(const RunState& state, Time at, std::vector<Detail> details) {
  std::vector<Event> events;
  events.reserve(details.size());
  auto seq = state.seq;
  for (auto& detail : details) {
    events.push_back({.seq = ++seq, .at = at, .detail = std::move(detail), .flags = flag_run_id});
  }
  return events;
}

}  // namespace agentcmd::engine
