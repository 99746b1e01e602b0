#include "engine/decide.h"

#include "base/check.h"

#include <set>
#include <utility>

namespace agentcmd::engine {

using history::CancelRun;
using history::CancelStep;
using history::CancelTimer;
using history::Command;
using history::CompleteRun;
using history::Detail;
using history::Event;
using history::FailRun;
using history::Note;
using history::RunCancelled;
using history::RunCompleted;
using history::RunFailed;
using history::ScheduleStep;
using history::StartTimer;
using history::StepCancelled;
using history::StepKey;
using history::StepScheduled;
using history::StepStarted;
using history::TimerCancelled;
using history::TimerStarted;

namespace {

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
  }

  void operator()(const CancelTimer& command) {
    if (timers_.erase(command.key) == 1 || is_open_timer(command.key)) {
      cancelled_timers_.insert(command.key);
      add(TimerCancelled{command.key});
    }
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

  // Nothing outlives the run: what the code left open is cancelled with it.
  void end(Detail how) {
    for (const auto& [key, step] : state_.steps) (*this)(CancelStep{key});
    for (const auto& key : scheduled_) (*this)(CancelStep{key});
    for (const auto& [key, timer] : state_.timers) (*this)(CancelTimer{key});
    for (const auto& key : std::exchange(timers_, {})) add(TimerCancelled{key});
    decision_.ending = std::move(how);
  }

  const RunState& state_;
  const std::function<bool(const std::string&)>& take_slot_;
  std::set<StepKey> scheduled_;
  std::set<StepKey> cancelled_;
  std::set<StepKey> timers_;
  std::set<StepKey> cancelled_timers_;
  Decision decision_;
};

}  // namespace

Decision decide(const RunState& state, const std::vector<Command>& commands,
                const std::function<bool(const std::string& type)>& take_slot) {
  Decider decider(state, take_slot);
  for (const auto& command : commands) std::visit(decider, command);
  return decider.take();
}

std::vector<Event> number(const RunState& state, Time at, std::vector<Detail> details) {
  std::vector<Event> events;
  events.reserve(details.size());
  auto seq = state.seq;
  for (auto& detail : details) {
    events.push_back({.seq = ++seq, .at = at, .detail = std::move(detail)});
  }
  return events;
}

}  // namespace agentcmd::engine
