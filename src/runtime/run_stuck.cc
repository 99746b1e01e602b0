// What the run itself sees when it is asked whether it is stuck, and how it helps itself.

#include "base/log.h"
#include "base/text.h"
#include "engine/why.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>
namespace agentcmd::runtime {

using history::StepKey;

engine::WhyFacts RunActor::why_facts() const {
  engine::WhyFacts facts{
      .run = run_,
      .now = services_.clock.now(),
      .last_event_at = last_at_,
      .driven = true,
      .driver = fmt::format("process {}", services_.machine.driver_pid(owner_.driver))};
  std::set<StepKey> held;
  for (const auto& [key, step] : state_.steps) {
    const bool is_held = attempts_.contains(key) || closures_.find(key) != nullptr ||
                         queued_.contains(key) || granted_.contains(key) || held_finalize_ == key ||
                         held_.contains(key);
    if (is_held) held.insert(key);
  }
  facts.held = std::move(held);
  return facts;
}

// Between turns only: within one, the state is ahead of what was begun.
std::vector<std::string> RunActor::help_if_stuck() {
  const bool is_settled = !in_turn_ && !commit_ && inbox_.empty() && closure_jobs_.empty() &&
                          !ending_ && !force_cancel_ && !leaving_ && committed_ == state_.seq;
  if (!is_settled || state_.end || state_.seq == 0) return {};
  auto stuck = engine::why(state_, why_facts()).stuck;
  if (stuck.empty()) return stuck;
  log::error("run.stuck", {{"run", run_.text}, {"why", join(stuck, "; ")}});
  if (!state_.paused) recover_open_steps();
  look_at_clock();
  news_.notify();
  return stuck;
}

}  // namespace agentcmd::runtime
