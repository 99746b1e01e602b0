// The deadlines of a run and its steps (engine/timeouts.h), looked at when the clock is.

#include "base/duration.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/timeouts.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::runtime {

using history::StepTimedOut;

// While the run is paused only attempts that go on during the pause have one.
std::optional<Time> RunActor::next_deadline() const {
  std::optional<Time> next;
  const auto consider = [&next](std::optional<Time> moment) {
    if (moment && (!next || *moment < *next)) next = moment;
  };
  if (!state_.paused) consider(engine::deadline_of(state_));
  for (const auto& [key, step] : state_.steps) {
    if (overdue_.contains(key) || granted_.contains(key)) continue;
    const auto deadline = engine::deadline_of(step);
    if (deadline && (!state_.paused || deadline->which == "attempt")) consider(deadline->at);
  }
  for (const auto& [key, closure] : closures_.all()) {
    if (closure.is_probe) consider(closure.since + limits::probe_max);
  }
  return next;
}

// Its slot is taken and its start is on the way to the disk: it can be stopped in a moment.
bool RunActor::is_starting(const history::StepKey& key) const {
  const auto& step = state_.steps.at(key);
  return step.running && !attempts_.contains(key) &&
         services_.machine.find_step_type(step.type) != nullptr;
}

// What has to be recorded. An attempt that runs is asked to stop, and ends as timed out.
RunActor::Details RunActor::past_deadlines(Time at) {
  Details details;
  for (const auto& [key, step] : state_.steps) {
    if (overdue_.contains(key) || granted_.contains(key)) continue;
    const auto deadline = engine::deadline_of(step);
    if (!deadline || deadline->at > at) continue;
    if (state_.paused && deadline->which != "attempt") continue;
    auto failure = engine::timeout_failure(key, step, deadline->which);
    if (attempts_.contains(key)) {
      log::info("step.timeout", {{"run", run_.text}, {"step", key.text}});
      overdue_.emplace(key, std::move(failure));
      attempts_.stop(key);
    } else if (!is_starting(key)) {
      details.emplace_back(
          StepTimedOut{.key = key, .attempt = step.attempt, .failure = std::move(failure)});
    }
  }
  for (const auto& [key, closure] : closures_.all()) {
    if (!closure.is_probe || closure.since + limits::probe_max > at) continue;
    const auto why =
        fmt::format("its probe did not end within {}", format_duration(limits::probe_max));
    std::ranges::move(probe_failed(key, closure.attempt, why), std::back_inserter(details));
  }
  const auto deadline = engine::deadline_of(state_);
  if (!state_.paused && deadline && *deadline <= at) {
    details.emplace_back(engine::run_timed_out(state_));
  }
  return details;
}

}  // namespace agentcmd::runtime
