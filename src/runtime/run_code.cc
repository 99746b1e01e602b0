// The run's conversation with its code: activations, and the replay that brings a fresh context to
// where the history is.

#include "base/limits.h"
#include "base/log.h"
#include "engine/decide.h"
#include "engine/replay.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::runtime {

using engine::Mismatch;
using history::Activation;
using history::Command;
using history::Completion;
using history::Event;
using history::Job;
using history::MatchWait;
using history::Note;
using history::RunPaused;
using history::ScheduleStep;
using history::StartGate;
using history::StartTimer;
using history::StartWait;
using history::StepFailed;

namespace {

// What a replay asks for beyond what is compared: how the run ends, and what nobody waits for any
// more.
std::vector<Command> closing_commands(const std::vector<Command>& commands) {
  std::vector<Command> closing;
  for (const auto& command : commands) {
    const bool opens =
        std::holds_alternative<ScheduleStep>(command) ||
        std::holds_alternative<StartTimer>(command) || std::holds_alternative<StartWait>(command) ||
        std::holds_alternative<MatchWait>(command) || std::holds_alternative<StartGate>(command) ||
        std::holds_alternative<Note>(command);
    if (!opens) closing.push_back(command);
  }
  return closing;
}

// The same difference, with the place in the source where the code asked, if a second replay told
// it.
Mismatch with_place(Mismatch mismatch, const std::vector<engine::Asked>& recorded,
                    const Result<script::ActivationOutcome>& located) {
  const auto* completion = located ? std::get_if<Completion>(&*located) : nullptr;
  if (completion == nullptr) return mismatch;
  return engine::compare(recorded, engine::asked_in(completion->commands)).value_or(mismatch);
}

bool begins_code(const std::vector<Job>& jobs) {
  return !jobs.empty() && std::holds_alternative<history::StartJob>(jobs.front().what);
}

RunPaused stopped_by_worker(const script::RunStopped& stopped) {
  const Json detail{{"stack", stopped.stack}};
  auto message = stopped.message;
  if (!stopped.stack.empty()) message += "\n" + stopped.stack;
  return {.reason = stopped.reason, .message = std::move(message), .detail = {to_text(detail)}};
}

}  // namespace

// Keeps the reason for the pause that the caller will record.
bool RunActor::cannot_go_on(RunPaused why) {
  pause_ = std::move(why);
  return false;
}

// The code runs ahead where nothing but the results of its own closures can be next; a memo has
// results of another run.
Activation RunActor::activation(std::vector<Job> jobs, Time now) const {
  Activation activation{.run = run_,
                        .code_hash = state_.code_hash,
                        .ahead = state_.memo.empty() ? limits::rounds_ahead_max : 0,
                        .now = now};
  if (begins_code(jobs)) activation.known = engine::closures_in(state_.memo);
  activation.jobs = std::move(jobs);
  return activation;
}

Task<std::optional<Completion>> RunActor::activate(std::vector<Job> jobs, Time now) {
  while (true) {
    if (!co_await ensure_warm()) co_return std::nullopt;
    auto outcome = co_await services_.workers.activate(activation(jobs, now));
    if (!outcome) {
      cannot_go_on({.reason = "code", .message = outcome.error().message, .detail = {"{}"}});
      co_return std::nullopt;
    }
    if (auto* completion = std::get_if<Completion>(&*outcome)) co_return std::move(*completion);
    warm_generation_ = 0;
    if (const auto* stopped = std::get_if<script::RunStopped>(&*outcome)) {
      if (stopped->reason == "missing") continue;  // evicted meanwhile: replay
      cannot_go_on(stopped_by_worker(*stopped));
      co_return std::nullopt;
    }
    // The worker died with our jobs: they are told again to a fresh one, after a replay.
    if (++worker_deaths_ < limits::worker_deaths_max) continue;
    const auto& died = std::get<script::WorkerDied>(*outcome);
    cannot_go_on(
        {.reason = "worker",
         .message = fmt::format("The workflow's code ended its worker {} times: {}. Look for "
                                "an endless loop or a very large value in the definition, "
                                "then resume the run.",
                                worker_deaths_, died.message),
         .detail = {"{}"}});
    co_return std::nullopt;
  }
}

// As activate(), for jobs whose history is still on its way to the disk: no replay is possible yet,
// so where the context is gone the caller tells them again later.
Task<std::optional<Completion>> RunActor::try_activate(std::vector<Job> jobs, Time now) {
  if (warm_generation_ != services_.workers.generation(run_)) co_return std::nullopt;
  auto outcome = co_await services_.workers.activate(activation(std::move(jobs), now));
  if (outcome) {
    if (auto* completion = std::get_if<Completion>(&*outcome)) co_return std::move(*completion);
  }
  warm_generation_ = 0;
  co_return std::nullopt;
}

// A closure was stopped between two turns. The run pauses with the next turn, where the closure
// counts as lost.
void RunActor::stopped(const script::RunStopped& stopped) {
  warm_generation_ = 0;
  const auto paused = stopped_by_worker(stopped);
  Details details;
  for (const auto& [key, closure] : closures_.all()) {
    if (closure.is_probe) {
      std::ranges::move(probe_failed(key, closure.attempt, paused.message),
                        std::back_inserter(details));
      continue;
    }
    details.emplace_back(StepFailed{.key = key,
                                    .attempt = closure.attempt,
                                    .failure = {.name = "Error", .message = paused.message}});
  }
  post(std::move(details));
}

Task<bool> RunActor::ensure_warm() {
  while (true) {
    if (leaving_) co_return false;  // no new worker for a run that is being left
    co_await services_.workers.ensure_started(run_);
    const auto generation = services_.workers.generation(run_);
    if (warm_generation_ == generation) co_return true;
    if (!co_await replay()) co_return false;
    if (services_.workers.generation(run_) == generation) {
      warm_generation_ = generation;
      co_return true;
    }
    // The worker was replaced meanwhile. Its successor may hold a context of ours already, if it
    // came before we told it the history.
    services_.workers.evict(run_);
  }
}

// Makes other code the run's, if it does what the history says; the caller records that. Else all
// stays as it was.
Task<Result<void>> RunActor::try_code(std::string code_hash) {
  const auto former = std::exchange(state_.code_hash, std::move(code_hash));
  services_.workers.evict(run_);
  warm_generation_ = 0;
  if (co_await ensure_warm()) co_return Result<void>();
  state_.code_hash = former;
  if (leaving_) co_return fail(ErrorCode::cancelled, "the run was left");
  const auto why = *std::exchange(pause_, std::nullopt);
  co_return fail(ErrorCode::failed_precondition,
                 "The run stays as it was: the definition as it is now does not fit its history. " +
                     why.message);
}

// Tells a fresh context everything that the code has seen, and compares what it asks for with what
// is recorded. True also when the worker died meanwhile: the caller sees that by the generation.
Task<bool> RunActor::replay() {
  if (seen_ <= 1) co_return true;  // RunCreated tells the code nothing
  const auto history = co_await services_.store.log().read(run_, 0);
  std::vector<Event> seen;
  std::vector<Job> jobs;
  for (const auto& event : history) {
    if (event.seq > seen_) break;
    if (engine::is_job(event.detail)) jobs.push_back(engine::job_of(run_, event, state_.created));
    seen.push_back(event);
  }
  if (jobs.empty()) co_return true;
  Activation activation{.run = run_,
                        .code_hash = state_.code_hash,
                        .replaying = true,
                        .jobs = std::move(jobs),
                        .patches = state_.patches,
                        .known = engine::closures_in(state_.memo)};
  auto outcome = co_await services_.workers.activate(activation);
  if (!outcome) {
    co_return cannot_go_on(
        {.reason = "code", .message = outcome.error().message, .detail = {"{}"}});
  }
  if (const auto* stopped = std::get_if<script::RunStopped>(&*outcome)) {
    co_return cannot_go_on(stopped_by_worker(*stopped));
  }
  if (std::holds_alternative<script::WorkerDied>(*outcome)) {
    if (++worker_deaths_ < limits::worker_deaths_max) co_return true;
    co_return cannot_go_on(
        {.reason = "worker",
         .message = "The workflow's code ends its worker each time it is replayed: " +
                    std::get<script::WorkerDied>(*outcome).message,
         .detail = {"{}"}});
  }
  const auto& completion = std::get<Completion>(*outcome);
  const auto recorded = engine::asked_in(seen);
  const auto mismatch = engine::compare(recorded, engine::asked_in(completion.commands));
  if (mismatch) {
    services_.workers.evict(run_);
    activation.locate = true;
    const auto located = co_await services_.workers.activate(std::move(activation));
    services_.workers.evict(run_);
    co_return cannot_go_on(engine::pause_for(with_place(*mismatch, recorded, located)));
  }
  auto decision = engine::decide(state_, closing_commands(completion.commands),
                                 [](const std::string&) { return false; });
  for (const auto& key : decision.stop) stop_step(key);
  if (decision.ending) ending_ = std::move(decision.ending);
  post(std::move(decision.details));
  co_return true;
}

}  // namespace agentcmd::runtime
