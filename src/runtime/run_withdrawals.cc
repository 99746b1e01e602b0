// What the code gives up (a cancelled run's steps, the losers of a race at its end) may go on for a
// while: a command that ignores TERM is killed only after a grace. A clean-up that began meanwhile
// would work beside what it is to clean up after; so nothing new begins until it has ended. Code
// that only computes is not held: a closure begins, and waits with its first effect.

#include "base/limits.h"
#include "base/log.h"
#include "engine/decide.h"
#include "runtime/run_actor.h"

#include <utility>

namespace agentcmd::runtime {

using history::CancelStep;
using history::StepKey;

// Before what the code asks for in the same answer is looked at.
void RunActor::withdraw(const std::vector<history::Command>& commands) {
  for (const auto& command : commands) {
    const auto* cancel = std::get_if<CancelStep>(&command);
    if (cancel != nullptr && is_at_work(cancel->key)) {
      withdrawn_.emplace(cancel->key, services_.clock.now());
    }
  }
}

bool RunActor::is_at_work(const StepKey& key) const {
  if (closures_.has_effects(key)) return true;
  const auto step = state_.steps.find(key);
  return step != state_.steps.end() && step->second.running &&
         step->second.type != engine::closure_type;
}

bool RunActor::has_withdrawn_at_work() {
  if (withdrawn_.empty()) return false;
  const auto at = services_.clock.now();
  std::erase_if(withdrawn_, [&](const auto& entry) {
    const auto& [key, since] = entry;
    if (!is_at_work(key)) return true;
    if (at < since + limits::withdrawn_max) return false;
    log::warn("step.still_at_work", {{"run", run_.text}, {"step", key.text}});
    return true;
  });
  return !withdrawn_.empty();
}

std::optional<Time> RunActor::next_release() const {
  std::optional<Time> next;
  for (const auto& [key, since] : withdrawn_) {
    const auto release = since + limits::withdrawn_max;
    if (!next || release > *next) next = release;
  }
  return next;
}

void RunActor::begin_held_steps() {
  if (has_withdrawn_at_work()) return;
  committing_.notify();  // effects of closures
  if (state_.paused) return;
  for (const auto& key : std::exchange(held_, {})) queue_step(key);
}

void RunActor::forget_withdrawn() {
  withdrawn_.clear();
  committing_.notify();
}

}  // namespace agentcmd::runtime
