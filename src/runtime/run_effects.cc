// What a commit leads to in the world, and what comes back from there.

#include "base/limits.h"
#include "base/log.h"
#include "engine/decide.h"
#include "runtime/driver_steps.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::ClosureEnd;
using history::Detail;
using history::Event;
using history::GateDecided;
using history::ProbeJob;
using history::RunClosureJob;
using history::StepCancelled;
using history::StepCheckpoint;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
using history::StepLost;
using history::StepScheduled;
using history::StepStarted;
using history::StepTimedOut;
using history::TimerFired;
using history::WaitStarted;
using history::WaitTimedOut;

namespace {

constexpr std::string_view finalize_type = "finalizeWorkspace";

// A timer that is further away than this is looked at again on the way: the machine may have slept,
// or its clock been set.
constexpr auto timer_look_max = std::chrono::minutes(1);

// What the attempt before said last.
JsonText progress_of(const engine::OpenStep& step) {
  if (!step.lost_checkpoint) return {"null"};
  const auto data = parse_trusted(step.lost_checkpoint->text, "checkpoint");
  return {string_or(data, "progress", "null")};
}

script::EffectResult refused(std::string_view message) {
  return {.ok = false, .value = {to_text({{"name", "CancelledError"}, {"message", message}})}};
}

}  // namespace

void RunActor::post(Details details) {
  if (details.empty()) return;
  posted_ += details.size();
  std::ranges::move(details, std::back_inserter(inbox_));
  news_.notify();
}

Slots::Kind RunActor::slot_of(const std::string& type) const {
  const auto* known = services_.machine.find_step_type(type);
  return known == nullptr ? Slots::Kind::none : known->slot;
}

bool RunActor::take_slot(const std::string& type) {
  if (type == finalize_type && !can_finalize()) return false;
  if (has_withdrawn_at_work()) return false;
  return services_.slots.try_take(slot_of(type));
}

void RunActor::dispatch(const std::vector<Event>& events) {
  for (const auto& event : events) {
    if (const auto* started = std::get_if<StepStarted>(&event.detail)) {
      start_attempt(started->key, false);
    } else if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
      // Its first attempt may have begun and failed in the same commit; the next one has its time.
      const auto step = state_.steps.find(scheduled->key);
      if (step != state_.steps.end() && step->second.attempt == 0) queue_step(scheduled->key);
    } else if (std::holds_alternative<WaitStarted>(event.detail)) {
      look_for_events();
    } else if (const auto* completed = std::get_if<StepCompleted>(&event.detail)) {
      closures_.end(completed->key);
    } else if (const auto* failed = std::get_if<StepFailed>(&event.detail)) {
      closures_.end(failed->key);
    } else if (const auto* timed_out = std::get_if<StepTimedOut>(&event.detail)) {
      stop_step(timed_out->key);
      closures_.end(timed_out->key);
    } else if (const auto* lost = std::get_if<StepLost>(&event.detail)) {
      closures_.end(lost->key);
      if (lost->policy == "probe") start_probe(lost->key);
    } else if (const auto* cancelled = std::get_if<StepCancelled>(&event.detail)) {
      stop_step(cancelled->key);
      closures_.end(cancelled->key);
    }
  }
  begin_held_finalize();
  begin_held_steps();
  arm_timer();
}

// Begins the attempt that the state names, or looks for it where a former driver began it.
void RunActor::start_attempt(const StepKey& key, bool recovering) {
  const auto found = state_.steps.find(key);
  if (found == state_.steps.end() || !found->second.running) {
    drop(StepStarted{.key = key});
    return;
  }
  granted_.erase(key);
  closures_.end(key);
  const auto& step = found->second;
  if (step.type == engine::closure_type) {
    closures_.begin(key, {.attempt = step.attempt, .since = step.started_at});
    // The worker begins first attempts by itself; the context that began this one may be gone by
    // now, and with it the closure.
    if (step.attempt == 1 && warm_generation_ != services_.workers.generation(run_)) {
      post(lost(key, step.attempt, "the workflow worker died"));
    } else if (step.attempt > 1) {
      closure_jobs_.push_back(
          {.at = last_at_,
           .what =
               RunClosureJob{.key = key, .attempt = step.attempt, .progress = progress_of(step)}});
      news_.notify();
    }
    return;
  }
  const auto* type = find_driver_step(step.type);
  if (type == nullptr) type = services_.machine.find_step_type(step.type);
  if (type == nullptr) {
    post({StepFailed{.key = key,
                     .attempt = step.attempt,
                     .failure = {.name = "Error",
                                 .message = fmt::format("this version of agentcmd has no step.{}",
                                                        step.type)}}});
    return;
  }
  attempts_.start(*this, *type, make_step(key, recovering));
  // Asked for by the replay of a run that is taken up again.
  if (asked_to_stop_.contains(key)) attempts_.stop(key);
}

void RunActor::queue_step(const StepKey& key) {
  const auto found = state_.steps.find(key);
  if (found == state_.steps.end() || found->second.running || queued_.contains(key) ||
      granted_.contains(key) || state_.memo.contains(key)) {
    return;
  }
  // Its attempt was lost just before it was given up: nobody wants another one.
  if (asked_to_stop_.contains(key)) return post({StepCancelled{key}});
  const auto attempt = found->second.attempt + 1;
  if (found->second.type == finalize_type && !can_finalize()) {
    held_finalize_ = key;
    return;
  }
  if (has_withdrawn_at_work()) {
    held_.insert(key);
    return;
  }
  const auto kind = slot_of(found->second.type);
  const auto grant = [this, key, attempt, kind] {
    queued_.erase(key);
    granted_[key] = kind;
    post({StepStarted{.key = key, .attempt = attempt}});
  };
  if (services_.slots.try_take(kind)) {
    grant();
  } else {
    queued_[key] = services_.slots.wait(kind, grant);
  }
}

// After a restart or a pause: what ran is looked for, what only waited waits again.
void RunActor::recover_open_steps() {
  post(engine::known_of(state_));
  const auto at = services_.clock.now();
  for (const auto& [key, step] : state_.steps) {
    if (attempts_.contains(key) || closures_.find(key) != nullptr || state_.memo.contains(key)) {
      continue;
    }
    if (step.lost_policy == "probe") {
      start_probe(key);
    } else if (!step.running) {
      if (!step.retry_at || *step.retry_at <= at) queue_step(key);
    } else if (step.type == engine::closure_type) {
      post(lost(key, step.attempt, "the driver that ran it ended"));
    } else {
      services_.slots.take(slot_of(step.type));
      start_attempt(key, true);
    }
  }
  look_for_events();
  arm_timer();
}

void RunActor::stop_step(const StepKey& key) {
  const auto step = state_.steps.find(key);
  if (step != state_.steps.end() && step->second.running) asked_to_stop_.insert(key);
  attempts_.stop(key);
  closures_.stop_effects(key);
  const auto queued = queued_.extract(key);
  if (queued) services_.slots.leave(queued.mapped());
}

void RunActor::attempt_ended(const StepKey& key, std::uint32_t attempt, steps::Outcome outcome) {
  auto details = std::move(outcome.notes);
  if (auto* completed = std::get_if<steps::Completed>(&outcome.what)) {
    details.emplace_back(StepCompleted{.key = key,
                                       .attempt = attempt,
                                       .success = completed->success,
                                       .output = std::move(completed->output)});
  } else if (auto* failed = std::get_if<steps::Failed>(&outcome.what)) {
    details.emplace_back(
        StepFailed{.key = key, .attempt = attempt, .failure = std::move(failed->failure)});
  } else if (auto* timed_out = std::get_if<steps::TimedOut>(&outcome.what)) {
    details.emplace_back(
        StepTimedOut{.key = key, .attempt = attempt, .failure = std::move(timed_out->failure)});
  } else if (std::holds_alternative<steps::Cancelled>(outcome.what)) {
    std::ranges::move(stopped_attempt(key, attempt), std::back_inserter(details));
  } else {
    std::ranges::move(lost(key, attempt, std::get<steps::Lost>(outcome.what).reason),
                      std::back_inserter(details));
  }
  overdue_.erase(key);
  withdrawn_.erase(key);
  post(std::move(details));
  became_quiet();
}

// An attempt that was stopped: because of a timeout, because nobody waits for it any more, or,
// where a former driver had asked for it, for a reason that the clock still knows.
RunActor::Details RunActor::stopped_attempt(const StepKey& key, std::uint32_t attempt) {
  if (const auto overdue = overdue_.find(key); overdue != overdue_.end()) {
    return {StepTimedOut{.key = key, .attempt = attempt, .failure = overdue->second}};
  }
  const auto open = state_.steps.find(key);
  if (asked_to_stop_.contains(key) || force_cancel_ || open == state_.steps.end()) {
    return {StepCancelled{key}};
  }
  const auto& step = open->second;
  const auto deadline = engine::deadline_of(step);
  if (deadline && deadline->at <= services_.clock.now()) {
    return {StepTimedOut{.key = key,
                         .attempt = attempt,
                         .failure = engine::timeout_failure(key, step, deadline->which)}};
  }
  return lost(key, attempt, "it was stopped, though the run had not asked for that");
}

// An attempt, or an effect of a closure, has ended.
void RunActor::became_quiet() {
  begin_held_steps();
  if (!is_quiet()) return;
  news_.notify();
  begin_held_finalize();
}

// Nothing may change the files any more: nothing is at work, and nothing that is about to be is
// only on its way to the disk, or to be looked for.
bool RunActor::can_finalize() const {
  return is_quiet() && std::ranges::none_of(state_.steps, [](const auto& entry) {
           return entry.second.running && entry.second.type != engine::closure_type;
         });
}

void RunActor::begin_held_finalize() {
  if (!held_finalize_ || !can_finalize()) return;
  queue_step(*std::exchange(held_finalize_, std::nullopt));
}

steps::RunContext RunActor::context() const {
  const std::filesystem::path project = state_.created.project;
  auto request = parse_trusted(state_.created.request.text, "the run's request");
  auto env = services_.env;
  // Git in a worktree that lost its .git must not find the user's checkout above it.
  const std::filesystem::path worktree = string_or(state_.facts, "worktree");
  if (!worktree.empty()) env["GIT_CEILING_DIRECTORIES"] = worktree.parent_path().string();
  return {.run = run_,
          .name = state_.created.name,
          .project = project,
          .working_dir = state_.working_dir(),
          .run_dir = project / ".agent/workflows/executions" / run_.text,
          .libexec = services_.options.libexec,
          .env = std::move(env),
          .agents_override = string_or(request, "agents"),
          .request = std::move(request),
          .secrets = services_.options.secrets,
          .models = services_.options.models};
}

steps::Step RunActor::make_step(const StepKey& key, bool recovering) const {
  const auto& open = state_.steps.at(key);
  steps::Step step{.run = context(),
                   .key = key,
                   .type = open.type,
                   .name = open.name,
                   .phase = open.phase,
                   .attempt = open.attempt,
                   .input = open.input,
                   .lost_checkpoint = open.lost_checkpoint};
  if (recovering) step.recovery = steps::Recovery{.checkpoint = open.checkpoint};
  return step;
}

Task<> RunActor::checkpoint(const steps::Step& step, JsonText data) {
  post({StepCheckpoint{.key = step.key, .attempt = step.attempt, .data = std::move(data)}});
  const auto mine = posted_;
  while (processed_ < mine) co_await committing_.wait();
}

void RunActor::note(const steps::Step&, Detail detail) {
  post({std::move(detail)});
}

bool RunActor::has_audience() const {
  const auto* observer = services_.options.observer;
  return observer != nullptr && observer->wants_output();
}

void RunActor::output(const steps::Step& step, std::string_view stream, std::string_view text) {
  if (auto* observer = services_.options.observer) observer->output(run_, step.key, stream, text);
}

// --- Closures.

RunActor::Details RunActor::ends_of(const std::vector<ClosureEnd>& ends) {
  Details details;
  for (const auto& end : ends) {
    if (end.probe) {
      std::ranges::move(probe_ended(end), std::back_inserter(details));
    } else if (end.threw) {
      details.emplace_back(
          StepFailed{.key = end.key, .attempt = end.attempt, .failure = end.failure});
    } else {
      details.emplace_back(
          StepCompleted{.key = end.key, .attempt = end.attempt, .output = end.output});
    }
  }
  return details;
}

void RunActor::closure_ended(const ClosureEnd& end) {
  post(ends_of({end}));
}

// The closures that ran in the worker are lost with it; their code begins again in the next one.
void RunActor::worker_died() {
  warm_generation_ = 0;
  closures_.stop_all_effects();
  for (const auto& [key, closure] : closures_.all()) {
    const std::string reason = "the workflow worker died";
    // It may be over already, in a commit that is on its way to the disk.
    if (!closure.is_probe && !runs(key, closure.attempt)) continue;
    post(closure.is_probe ? probe_failed(key, closure.attempt, reason + " while its probe ran")
                          : lost(key, closure.attempt, reason));
  }
}

Task<script::EffectResult> RunActor::perform(script::Effect effect) {
  if (effect.name == "cancel") {
    const auto args = parse_trusted(effect.args.text, "arguments of cancel");
    closures_.cancel_effect(effect.key, static_cast<std::uint64_t>(int_or(args, "id")));
    co_return script::EffectResult{.ok = true, .value = {"null"}};
  }
  auto under_way = closures_.begin_effect(effect.key, effect.attempt, effect.id);
  const auto is_running = [this, &effect] {
    const auto* closure = closures_.find(effect.key);
    return closure != nullptr && closure->attempt == effect.attempt;
  };
  // Nothing outside sees the step before its start is on disk.
  while (!is_running() && in_turn_) co_await committing_.wait();
  while (has_withdrawn_at_work() && !withdrawn_.contains(effect.key) &&
         !under_way.stop().requested()) {
    co_await committing_.wait();
  }
  if (is_running() && steps::changes_files(effect.name)) co_await keep_files(effect.key);
  if (!is_running()) co_return refused("step '" + effect.key.text + "' is over");
  if (under_way.stop().requested()) co_return refused("it is not waited for any more");
  auto step = make_step(effect.key, false);
  step.attempt = effect.attempt;
  auto outcome = co_await services_.machine.perform_effect(
      *this, std::move(step), std::move(effect.name), std::move(effect.args), under_way.stop());
  co_return script::EffectResult{.ok = outcome.ok, .value = std::move(outcome.value)};
}

// What a lost attempt of a closure may have left running must be gone before the closure begins
// again.
Task<> RunActor::end_lost_effects() {
  for (const auto& job : closure_jobs_) {
    const auto* probe = std::get_if<ProbeJob>(&job.what);
    const auto* closure = std::get_if<RunClosureJob>(&job.what);
    const auto& key = probe != nullptr ? probe->key : closure->key;
    if (!state_.steps.contains(key)) continue;
    auto step = make_step(key, false);
    step.attempt = probe != nullptr ? probe->attempt : closure->attempt - 1;
    co_await services_.machine.end_lost_effects(step.attempt_dir());
  }
}

// --- Timers.

void RunActor::arm_timer() {
  const auto next = next_moment();
  if (state_.end || !next) return;
  const auto wait =
      std::clamp<Milliseconds>(*next - services_.clock.now(), Milliseconds(0), timer_look_max);
  alarm_->set(wait, [this] { look_at_clock(); });
}

void RunActor::look_at_clock() {
  const auto at = services_.clock.now();
  if (state_.cancel_requested && at >= state_.cancel_requested_at + limits::cancel_grace &&
      !force_cancel_) {
    log::warn("run.cancel_forced", {{"run", run_.text}});
    stop_everything();
    return;
  }
  begin_held_steps();
  if (!state_.paused) {
    for (const auto& [key, step] : state_.steps) {
      if (step.retry_at && *step.retry_at <= at) queue_step(key);
    }
  }
  if (!state_.paused) look_at_deadlines(at);
  auto happened = state_.paused ? Details() : due(at);
  std::ranges::move(past_deadlines(at), std::back_inserter(happened));
  if (happened.empty()) {
    arm_timer();
  } else {
    post(std::move(happened));
  }
}

// Whatever the clock alone brings about; nothing while the run is paused but the end of a
// cancellation.
std::optional<Time> RunActor::next_moment() const {
  std::optional<Time> next;
  const auto consider = [&next](std::optional<Time> moment) {
    if (moment && (!next || *moment < *next)) next = moment;
  };
  if (state_.cancel_requested) consider(state_.cancel_requested_at + limits::cancel_grace);
  consider(next_deadline());
  consider(next_release());
  if (state_.paused) return next;
  for (const auto& [key, timer] : state_.timers) consider(timer.fire_at);
  for (const auto& [key, wait] : state_.waits) consider(wait.timeout_at);
  for (const auto& [key, gate] : state_.gates) consider(gate.timeout_at);
  for (const auto& [key, step] : state_.steps) {
    if (!queued_.contains(key) && !held_.contains(key)) consider(step.retry_at);
  }
  for (const auto& [key, child] : children_) {
    if (!child.late) consider(child.deadline);
  }
  return next;
}

// Timers, waits and gates whose time has come, the earliest first.
RunActor::Details RunActor::due(Time at) const {
  std::multimap<Time, Detail> due;
  const auto consider = [&](std::optional<Time> moment, Detail detail) {
    if (moment && *moment <= at) due.emplace(*moment, std::move(detail));
  };
  for (const auto& [key, timer] : state_.timers) consider(timer.fire_at, TimerFired{key});
  for (const auto& [key, wait] : state_.waits) consider(wait.timeout_at, WaitTimedOut{key});
  for (const auto& [key, gate] : state_.gates) {
    consider(gate.timeout_at,
             GateDecided{.key = key, .timed_out = true, .by = "timeout", .step = gate.step});
  }
  Details details;
  for (auto& [when, detail] : due) details.push_back(std::move(detail));
  return details;
}

}  // namespace agentcmd::runtime
