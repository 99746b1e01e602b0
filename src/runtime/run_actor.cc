#include "runtime/run_actor.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/decide.h"
#include "engine/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::Completion;
using history::Detail;
using history::Event;
using history::EventReceived;
using history::GateCancelled;
using history::GateDecided;
using history::GateOpened;
using history::Job;
using history::ProbeJob;
using history::RunCancelled;
using history::RunCancelRequested;
using history::RunClosureJob;
using history::RunCompleted;
using history::RunFailed;
using history::RunId;
using history::RunPaused;
using history::RunResumed;
using history::RunStarted;
using history::StepCancelled;
using history::StepCheckpoint;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
using history::StepLost;
using history::StepStarted;
using history::StepTimedOut;
using history::TimerCancelled;
using history::TimerFired;
using history::WaitCancelled;
using history::WaitTimedOut;

namespace {

template <typename Kind>
const Kind* as(const Detail& detail) {
  return std::get_if<Kind>(&detail);
}

// What a step said before its end. What begins next may depend on it: where the run works.
bool is_note(const Detail& detail) {
  return as<history::RunUpdated>(detail) != nullptr || as<history::Logged>(detail) != nullptr ||
         as<history::Annotated>(detail) != nullptr;
}

tl::unexpected<Error> taken_over(const RunId& run) {
  return fail(ErrorCode::conflict, fmt::format("run {} belongs to another driver now", run.text));
}

// Says that a turn is under way: what the worker asks for meanwhile may belong to a step that is
// being recorded.
struct TurnMark {
  TurnMark(bool& in_turn, Wakeup& ended) : in_turn_(in_turn), ended_(ended) { in_turn_ = true; }
  ~TurnMark() {
    in_turn_ = false;
    ended_.notify();
  }
  TurnMark(const TurnMark&) = delete;
  TurnMark& operator=(const TurnMark&) = delete;

 private:
  bool& in_turn_;
  Wakeup& ended_;
};

}  // namespace

RunActor::RunActor(Services services, RunId run, store::Owner owner)
    : services_(std::move(services)),
      run_(std::move(run)),
      owner_(std::move(owner)),
      closures_(services_.executor, [this] { became_quiet(); }),
      news_(services_.executor),
      committing_(services_.executor),
      child_wakeup_(services_.executor),
      alarm_(services_.machine.make_alarm()),
      requests_(services_.executor),
      commits_(services_.executor),
      snapshots_(services_.executor, services_.machine, run_, services_.options.snapshots),
      attempts_(
          services_.executor, services_.machine, services_.slots,
          [this](steps::Step step) { return keep_files_before(std::move(step)); },
          [this](const StepKey& key, std::uint32_t attempt, steps::Outcome outcome) {
            attempt_ended(key, attempt, std::move(outcome));
          }) {}

Task<Result<Driven>> RunActor::drive(bool resume) {
  asleep_.reset();
  asleep_with_children_.reset();
  held_at_end_.clear();
  std::exception_ptr failure;
  Result<Driven> driven = fail(ErrorCode::cancelled, "the run was left");
  try {
    std::optional<std::string> damage;
    const bool is_new = !new_.empty();
    try {
      co_await load();
    } catch (const Fault& fault) {
      damage = fault.what();
    }
    driven = damage ? co_await pause_for_damage(*damage) : co_await drive_loaded(resume, is_new);
  } catch (...) {
    failure = std::current_exception();
  }
  // Whatever happened: no task of ours outlives this call, and the processes go on under their
  // supervisors.
  alarm_->cancel();
  for (auto& [key, ticket] : queued_) services_.slots.leave(ticket);
  queued_.clear();
  held_finalize_.reset();
  held_.clear();
  forget_withdrawn();
  co_await attempts_.leave();
  co_await end_requests();
  co_await commits_.join();
  commit_.reset();
  services_.workers.evict(run_);
  warm_generation_ = 0;
  closures_.stop_all_effects();
  while (closures_.has_effects()) co_await news_.wait();
  checkout_.release();
  if (failure) std::rethrow_exception(failure);
  co_await finish_requests();
  co_return driven;
}

Task<> RunActor::load() {
  auto events = std::exchange(new_, {});
  if (events.empty()) events = co_await services_.store.log().read(run_, 0);
  state_ = engine::state_of(events);
  committed_ = state_.seq;
  seen_ = engine::last_seen(state_);
  if (!events.empty()) last_at_ = events.back().at;
}

// What cannot be read cannot be replayed. It is never guessed, and never done again.
Task<Result<Driven>> RunActor::pause_for_damage(std::string what) {
  const auto row = co_await services_.store.catalog().find_run(run_.text);
  if (!row) co_return tl::unexpected(row.error());
  const auto message = fmt::format(
      "A recorded result cannot be restored: {}. The run stays paused and nothing is run again; "
      "put the "
      "file back from a backup and resume the run.",
      what);
  if (row->status != store::RunStatus::paused) {
    state_.seq = committed_ = row->events;
    auto paused = RunPaused{.reason = "damaged", .message = message, .detail = {"{}"}};
    auto events = engine::number(state_, now(), {std::move(paused)});
    const auto appended = co_await append(std::move(events));
    if (!appended) co_return tl::unexpected(appended.error());
  }
  co_return Driven{.status = store::RunStatus::paused, .reason = "damaged", .message = message};
}

Task<Result<Driven>> RunActor::drive_loaded(bool resume, bool is_new) {
  if (lost_) co_return taken_over(run_);
  if (state_.seq == 0) co_return fail(ErrorCode::not_found, "no run '" + run_.text + "'");
  if (state_.end) co_return driven();
  const bool was_paused = state_.paused.has_value();
  if (was_paused && !resume) co_return driven();
  const auto held = co_await hold_checkout();
  if (!held) {
    if (state_.started) co_return tl::unexpected(held.error());
    const auto failed = co_await append_details(
        {RunFailed{.failure = {.name = "Error", .message = held.error().message}}});
    if (!failed) co_return tl::unexpected(failed.error());
    co_return driven();
  }
  // What a former driver's closures still do; they begin again, or are over.
  if (state_.started) co_await services_.machine.end_lost_effects_of_run(context().run_dir);
  // A cancellation is recorded before the pause ends, so that nothing begins in between.
  const bool goes_on = (was_paused && !is_told_to_cancel()) || next_code_;
  const auto begun = goes_on ? co_await this->resume("resume") : Result<void>();
  if (!begun) co_return tl::unexpected(begun.error());
  if (!state_.started) {  // it may have been cancelled while it waited for its place
    takes_requests_ = true;
    co_await take_requests();
  }
  if (!state_.started && !leaving_ && is_called_off()) {
    force_cancel_ = true;  // none of its code has run, so that there is nothing to clean up
  } else if (!state_.started && !state_.paused) {
    // Before what was asked for meanwhile: the code is told of it first.
    ++posted_;
    inbox_.insert(inbox_.begin(), RunStarted{});
  } else if (!state_.paused && !co_await ensure_warm()) {
    const auto paused = co_await end_paused({});
    if (!paused) co_return tl::unexpected(paused.error());
  }
  if (!state_.paused) recover_open_steps();
  takes_requests_ = true;
  if (is_new) {
    look_at_requests();
  } else {
    co_await take_requests();
  }
  const auto ran = co_await run_until_end();
  if (!ran) co_return tl::unexpected(ran.error());
  co_return driven();
}

// Two runs that would switch branches below each other do not run at once.
Task<Result<void>> RunActor::hold_checkout() {
  const auto request = parse_trusted(state_.created.request.text, "the run's request");
  // A child that works where its parent does works under the lock of its parent.
  if (!string_or(request, "within").empty()) co_return Result<void>();
  const auto mode = workspace::mode_from(string_or(request, "mode", "stay"));
  if (!mode) co_return tl::unexpected(mode.error());
  auto lock = co_await services_.machine.lock_checkout(state_.created.project, *mode, run_.text);
  if (!lock) co_return tl::unexpected(lock.error());
  checkout_ = *std::move(lock);
  co_return Result<void>();
}

// Tells the code what came during the pause, and records its answer together with the end of the
// pause.
Task<Result<void>> RunActor::resume(std::string by) {
  if (next_code_) {
    const auto fits = co_await try_code(*std::exchange(next_code_, std::nullopt));
    if (!fits) co_return fits;
  }
  std::vector<Job> unseen;
  unseen.reserve(state_.unseen.size());
  for (const auto& event : state_.unseen)
    unseen.push_back(engine::job_of(run_, event, state_.created));
  resume_by_.reset();
  co_return co_await turn({RunResumed{.by = std::move(by), .code_hash = state_.code_hash}},
                          std::move(unseen));
}

Task<Result<void>> RunActor::run_until_end() {
  while (!state_.end) {
    if (leaving_) co_return fail(ErrorCode::cancelled, "the run was left");
    if (lost_) co_return taken_over(run_);
    Result<void> done;
    if (force_cancel_ && is_quiet()) {
      done = co_await force_cancel();
    } else if (!inbox_.empty() || (!state_.paused && !closure_jobs_.empty())) {
      done = co_await take_inbox();
    } else if (state_.paused && !resume_by_ && is_told_to_cancel()) {
      resume_by_ = "cancel";
    } else if (state_.paused && resume_by_) {
      done = co_await resume(*std::exchange(resume_by_, std::nullopt));
      if (!done && done.error().code == ErrorCode::failed_precondition) {
        log::warn("run.code_refused", {{"run", run_.text}, {"why", done.error().message}});
        done = {};
      }
      if (done && !state_.paused) recover_open_steps();
    } else if (events_due_ && !state_.paused && !ending_) {
      co_await receive_events();
    } else if (state_.paused && !is_anything_under_way() &&
               // The same as falling asleep, but what lies between the two comes first.
               // NOLINTNEXTLINE(bugprone-branch-clone)
               (may_sleep_ || !services_.options.wait_when_paused)) {
      co_return Result<void>();
    } else if (is_waiting_for_people_only() && !stays_for_people()) {
      held_at_end_ = held_children();
      if (!held_at_end_.empty()) asleep_with_children_ = sleeper();
      co_return Result<void>();
    } else if (ending_ && is_quiet()) {
      done = co_await append_details({*std::exchange(ending_, std::nullopt)});
    } else if (!state_.paused && !is_waiting_for_something()) {
      pause_ =
          RunPaused{.reason = "stuck",
                    .message =
                        "The workflow waits for a promise that nothing will ever resolve: no "
                        "step, timer or event is open. Look for a promise made without a step.",
                    .detail = {"{}"}};
      done = co_await end_paused({});
    } else if (fall_asleep()) {
      co_return Result<void>();
    } else {
      if (settled_) std::exchange(settled_, nullptr)();
      if (closures_.empty() && warm_generation_ != 0) services_.workers.rest(run_);
      co_await news_.wait();
    }
    if (!done) co_return done;
  }
  co_return Result<void>();
}

// Of a paused run: it is to be cancelled, and its code does not know that yet.
bool RunActor::is_told_to_cancel() const {
  const auto is_request = [](const Detail& detail) {
    return as<RunCancelRequested>(detail) != nullptr;
  };
  return std::ranges::any_of(state_.unseen, is_request, &Event::detail) ||
         (!state_.cancel_requested && std::ranges::any_of(inbox_, is_request));
}

bool RunActor::is_waiting_for_something() const {
  return !state_.steps.empty() || !state_.timers.empty() || !state_.waits.empty() ||
         !state_.gates.empty() || ending_ || force_cancel_;
}

bool RunActor::is_waiting_for_people_only() const {
  const auto held = held_children().size();
  return !state_.paused && (!state_.gates.empty() || held > 0) && state_.steps.size() == held &&
         state_.timers.empty() && state_.waits.empty() && !ending_ && !force_cancel_;
}

// Gates can be asked in place only of the run that is in the foreground.
bool RunActor::stays_for_people() const {
  const auto& options = services_.options;
  return options.wait_when_paused ||
         (options.wait_at_gates && !may_sleep_ && held_children().empty());
}

void RunActor::let_sleep(std::function<void()> settled) {
  may_sleep_ = true;
  settled_ = std::move(settled);
}

// Every attempt that runs waits for a child that exists.
bool RunActor::waits_for_children_only() const {
  return attempts_.size() == children_.size() && has_looked_at_children() && closures_.empty() &&
         queued_.empty() && granted_.empty() && closure_jobs_.empty() && !held_finalize_ &&
         held_.empty();
}

// A moment that is near is waited for awake.
bool RunActor::fall_asleep() {
  if (!may_sleep_ || state_.paused || leaving_ || ending_ || force_cancel_) return false;
  if (requests_under_way_ > 0) return false;
  if (!waits_for_children_only() || !is_waiting_for_something()) return false;
  const auto next = next_moment();
  if (next && *next < services_.clock.now() + limits::sleep_min) return false;
  asleep_ = sleeper();
  return true;
}

Sleeper RunActor::sleeper() const {
  Sleeper sleeper{.run = run_, .project = state_.created.project, .due = next_moment()};
  for (const auto& [key, wait] : state_.waits) sleeper.events.push_back(wait.event);
  for (const auto& [key, child] : children_) sleeper.children.push_back(child.run);
  return sleeper;
}

// A closure without its context never ends.
bool RunActor::is_anything_under_way() const {
  return !is_quiet() || (!closures_.empty() && warm_generation_ != 0);
}

RunActor::Turn RunActor::begin_turn(Details details, std::vector<Job> unseen) {
  Turn turn{.at = now(), .jobs = std::move(unseen)};
  turn.events = apply(turn.at, details);
  turn.details = std::move(details);
  for (const auto& event : turn.events) {
    if (engine::is_job(event.detail))
      turn.jobs.push_back(engine::job_of(run_, event, state_.created));
  }
  for (auto& job : std::exchange(closure_jobs_, {})) {
    if (!is_current(job)) continue;
    job.at = turn.at;
    turn.jobs.push_back(std::move(job));
  }
  return turn;
}

// Adds what the code's answer leads to, round by round; the closures of the last one stay in
// `completion`. Returns the running attempts that nobody waits for any more.
std::vector<StepKey> RunActor::answer(Turn& turn, Completion& completion) {
  auto stop = decide(turn, completion.commands);
  for (auto& round : std::exchange(completion.more, {})) {
    std::ranges::move(apply(turn.at, ends_of(completion.closures)),
                      std::back_inserter(turn.events));
    std::ranges::move(decide(turn, round.commands), std::back_inserter(stop));
    completion.closures = std::move(round.closures);
  }
  return stop;
}

std::vector<StepKey> RunActor::decide(Turn& turn, const std::vector<history::Command>& commands) {
  withdraw(commands);
  auto decision =
      engine::decide(state_, commands, [this](const std::string& type) { return take_slot(type); });
  for (auto& event : engine::number(state_, turn.at, std::move(decision.details))) {
    state_.apply(event);
    turn.events.push_back(std::move(event));
  }
  if (decision.ending) ending_ = std::move(decision.ending);
  post(std::move(decision.known));
  return decision.stop;
}

// One turn: `details` are what happened (jobs among them are told to the code, after `unseen`), and
// are committed together with what the code answers. Closures that ended within the answer had no
// effect on anything, so their results are told to the code while the commit is on its way to the
// disk, and what that leads to goes into the next commit: the code may run ahead of the disk,
// nothing outside may.
Task<Result<void>> RunActor::turn(Details details, std::vector<Job> unseen) {
  const TurnMark mark{in_turn_, committing_};
  if (!closure_jobs_.empty()) co_await end_lost_effects();
  auto current = begin_turn(std::move(details), std::move(unseen));
  std::optional<Completion> completion;
  if (!current.jobs.empty() && !ending_) {
    completion = co_await activate(current.jobs, current.at);
    if (!completion) co_return co_await end_paused(std::move(current.details));
  }
  Batch batch;
  while (true) {
    if (completion) std::ranges::move(answer(current, *completion), std::back_inserter(batch.stop));
    batch.events.insert(batch.events.end(), current.events.begin(), current.events.end());
    const bool may_run_ahead = completion && !ending_ && inbox_.empty() && !leaving_ &&
                               !has_waiting_closures(*completion) &&
                               batch.events.size() < limits::events_ahead_max;
    auto seen = may_run_ahead ? looks(current.events) : Details();
    if (!may_run_ahead || (completion->closures.empty() && seen.empty())) {
      end_with(batch);
      const auto flushed = co_await flush(std::move(batch));
      if (flushed && completion) post(ends_of(completion->closures));
      co_return flushed;
    }
    // What was only looked at goes to the disk with what the code answers.
    if (!commit_ && !completion->closures.empty()) begin_commit(std::exchange(batch, {}));
    auto ends = settled(ends_of(completion->closures));
    if (std::ranges::any_of(ends,
                            [](const Detail& end) { return as<RunPaused>(end) != nullptr; })) {
      const auto flushed = co_await flush(std::move(batch));
      post(std::move(ends));
      co_return flushed;
    }
    std::ranges::move(seen, std::back_inserter(ends));
    current = begin_turn(std::move(ends), {});
    completion.reset();
    if (current.jobs.empty()) continue;  // all of them threw, and are tried again later
    completion = co_await try_activate(current.jobs, current.at);
    if (!completion) {
      // The context is gone. All that the code has seen must be on disk for its replay.
      const auto flushed = co_await flush(std::exchange(batch, {}));
      if (!flushed) co_return flushed;
      completion = co_await activate(current.jobs, current.at);
      if (!completion) co_return co_await end_paused(std::move(current.details));
    } else if (commit_ && commit_->appended) {
      const auto ended = co_await end_commit();
      if (!ended) co_return ended;
    }
  }
}

// Whether a closure that was begun with this answer is still under way. Its first effect waits for
// the commit of its start, and a synchronous one keeps the worker waiting, too: the code can be
// told nothing before.
bool RunActor::has_waiting_closures(const Completion& completion) const {
  return std::ranges::any_of(state_.steps, [&](const auto& entry) {
    const auto& [key, step] = entry;
    return step.running && step.type == engine::closure_type && closures_.find(key) == nullptr &&
           std::ranges::find(completion.closures, key, &history::ClosureEnd::key) ==
               completion.closures.end();
  });
}

// What attempts come to that begin here and have nothing to do but to look: so much may be done
// before the start is on disk, and is told to the code at once.
RunActor::Details RunActor::looks(const std::vector<Event>& events) const {
  Details details;
  for (const auto& event : events) {
    const auto* started = as<StepStarted>(event.detail);
    if (started == nullptr || !runs(started->key, started->attempt)) continue;
    const auto& open = state_.steps.at(started->key);
    const auto* type = services_.machine.find_step_type(open.type);
    if (type == nullptr || snapshots_.wanted(open.type, string_or(state_.facts, "mode"))) continue;
    auto seen = services_.machine.look(*type, make_step(started->key, false));
    if (!seen) continue;
    auto* completed = std::get_if<steps::Completed>(&seen->what);
    if (completed == nullptr) continue;
    std::ranges::move(seen->notes, std::back_inserter(details));
    details.emplace_back(StepCompleted{.key = started->key,
                                       .attempt = started->attempt,
                                       .success = completed->success,
                                       .output = std::move(completed->output)});
  }
  return details;
}

// Where nothing is at work any more, the run's end is recorded with what led to it.
void RunActor::end_with(Batch& batch) {
  const bool may_end =
      ending_ && inbox_.empty() && can_finalize() && !state_.paused && !force_cancel_ && !leaving_;
  if (!may_end) return;
  std::ranges::move(apply(now(), {*std::exchange(ending_, std::nullopt)}),
                    std::back_inserter(batch.events));
}

void RunActor::begin_commit(Batch batch) {
  commit_.emplace(Commit{.batch = std::move(batch)});
  commits_.spawn("commit of " + run_.text, commit());
}

Task<> RunActor::commit() {
  Appended appended;
  try {
    appended.result = co_await append(commit_->batch.events);
  } catch (...) {
    appended.fault = std::current_exception();
  }
  commit_->appended = std::move(appended);
  committing_.notify();
}

// Waits for the commit that is under way; then it has effects.
Task<Result<void>> RunActor::end_commit() {
  while (!commit_->appended) co_await committing_.wait();
  const auto ended = *std::exchange(commit_, std::nullopt);
  if (ended.appended->fault) std::rethrow_exception(ended.appended->fault);
  if (!ended.appended->result) co_return ended.appended->result;
  seen_ = committed_;
  for (const auto& key : ended.batch.stop) stop_step(key);
  dispatch(ended.batch.events);
  co_return Result<void>();
}

Task<Result<void>> RunActor::flush(Batch batch) {
  if (commit_) {
    const auto ended = co_await end_commit();
    if (!ended) co_return ended;
  }
  begin_commit(std::move(batch));
  co_return co_await end_commit();
}

// The code cannot go on (pause_): what came in is recorded behind the pause, where the code has not
// seen it.
Task<Result<void>> RunActor::end_paused(Details details) {
  if (leaving_) co_return fail(ErrorCode::cancelled, "the run was left");
  Details behind{*std::exchange(pause_, std::nullopt)};
  if (state_.cancel_requested) {
    stop_everything();
  }
  co_await load();
  std::erase_if(details, [](const Detail& detail) { return as<RunResumed>(detail) != nullptr; });
  std::ranges::move(details, std::back_inserter(behind));
  co_return co_await append_details(std::move(behind));
}

// Without the code: everything open is over, and so is the run.
Task<Result<void>> RunActor::force_cancel() {
  const auto at = now();
  auto events = apply(at, std::exchange(inbox_, {}));
  Details over;
  for (const auto& [key, step] : state_.steps) over.emplace_back(StepCancelled{key});
  for (const auto& [key, timer] : state_.timers) over.emplace_back(TimerCancelled{key});
  for (const auto& [key, wait] : state_.waits) over.emplace_back(WaitCancelled{key});
  for (const auto& [key, gate] : state_.gates) over.emplace_back(GateCancelled{key});
  if (state_.timed_out) {
    over.emplace_back(engine::end_of_timed_out(state_));
  } else {
    over.emplace_back(RunCancelled{});
  }
  std::ranges::move(apply(at, over), std::back_inserter(events));
  co_return co_await append(std::move(events));
}

Task<Result<void>> RunActor::append_details(Details details) {
  const auto events = apply(now(), details);
  const auto appended = co_await append(events);
  if (appended) dispatch(events);
  co_return appended;
}

Task<Result<void>> RunActor::append(std::vector<Event> events) {
  const auto posted = posted_ - inbox_.size();
  auto* observer = services_.options.observer;
  const auto shown = observer != nullptr ? events : std::vector<Event>();
  if (!events.empty()) {
    const auto last = events.back().seq;
    const auto born = born_with(events);
    std::vector<store::RunAppend> parts;
    parts.push_back(
        {.run = run_, .expected_seq = committed_, .owner = owner_, .events = std::move(events)});
    for (const auto& key : born) parts.push_back(births_.at(key));
    const auto appended = co_await services_.store.log().append(std::move(parts));
    if (!appended) co_return appended;
    committed_ = last;
    announce(born);
  }
  processed_ = std::max(processed_, posted);
  committing_.notify();
  for (const auto& event : shown) observer->committed(run_, event);
  co_return Result<void>();
}

// Numbers and applies what is still true: a late result of an attempt that was cancelled or
// repeated is not.
std::vector<Event> RunActor::apply(Time at, const Details& details) {
  std::vector<Event> events;
  events.reserve(details.size());
  const auto record = [&](const Detail& detail) {
    events.push_back(
        {.seq = state_.seq + 1, .at = at, .detail = detail, .flags = engine::flag_run_id});
    state_.apply(events.back());
  };
  for (const auto& detail : details) {
    if (!is_current(detail)) {
      drop(detail);
      continue;
    }
    const auto withdrawn = withdrawn_questions(detail);
    record(detail);
    for (const auto& question : withdrawn) record(question);
  }
  return events;
}

// Attempts that threw become what the policy of their steps makes of them.
RunActor::Details RunActor::settled(Details details) {
  Details all;
  for (auto& detail : details) {
    const auto* failed = as<StepFailed>(detail);
    const bool ended_badly =
        (failed != nullptr && !failed->retry) || as<StepTimedOut>(detail) != nullptr;
    if (!ended_badly || !is_current(detail)) {
      all.push_back(std::move(detail));
      continue;
    }
    const auto& key = failed != nullptr ? failed->key : as<StepTimedOut>(detail)->key;
    if (asked_to_stop_.contains(key)) {  // nobody wants another attempt
      all.emplace_back(StepCancelled{key});
    } else {
      std::ranges::move(engine::after_failure(state_, now(), detail), std::back_inserter(all));
    }
  }
  return all;
}

// What came before a pause is told to the code first, so that nothing which the code asks for in
// answer to it begins during the pause. What leads to the pause is recorded with it.
Task<Result<void>> RunActor::take_inbox() {
  auto details = settled(std::exchange(inbox_, {}));
  if (state_.paused) co_return co_await append_details(std::move(details));
  const auto pause = std::ranges::find_if(
      details, [](const Detail& detail) { return as<RunPaused>(detail) != nullptr; });
  if (pause == details.end()) co_return co_await turn(std::move(details), {});
  const auto is_job = [](const Detail& detail) { return engine::is_job(detail); };
  if (std::ranges::none_of(details.begin(), pause, is_job)) {
    co_return co_await append_details(std::move(details));
  }
  Details told;
  Details with_pause;
  std::partition_copy(
      details.begin(), pause, std::back_inserter(told), std::back_inserter(with_pause),
      [&is_job](const Detail& detail) { return is_job(detail) || is_note(detail); });
  std::move(pause, details.end(), std::back_inserter(with_pause));
  inbox_ = std::move(with_pause);
  co_return co_await turn(std::move(told), {});
}

// An attempt that has not been told to the code yet may be lost already.
bool RunActor::is_current(const Job& job) const {
  if (const auto* probe = std::get_if<ProbeJob>(&job.what)) {
    return is_probing(probe->key, probe->attempt);
  }
  const auto& closure = std::get<RunClosureJob>(job.what);
  return runs(closure.key, closure.attempt);
}

bool RunActor::runs(const StepKey& key, std::uint32_t attempt) const {
  const auto step = state_.steps.find(key);
  return step != state_.steps.end() && step->second.running && step->second.attempt == attempt;
}

bool RunActor::is_current(const Detail& detail) const {
  if (const auto* started = as<StepStarted>(detail)) {
    const auto step = state_.steps.find(started->key);
    return step != state_.steps.end() && !step->second.running;
  }
  if (const auto* step = as<StepCompleted>(detail)) {
    if (step->imported) return state_.steps.contains(step->key);
    return runs(step->key, step->attempt) || is_probing(step->key, step->attempt);
  }
  if (const auto* step = as<StepFailed>(detail)) {
    const auto open = state_.steps.find(step->key);
    const bool lost_for_good = open != state_.steps.end() && open->second.lost_policy == "fail";
    return lost_for_good || runs(step->key, step->attempt);
  }
  if (const auto* step = as<StepTimedOut>(detail)) {
    // What only waits can time out, too, but not before another attempt.
    const auto open = state_.steps.find(step->key);
    const bool waits = open != state_.steps.end() && !open->second.running &&
                       open->second.attempt == step->attempt && step->failure.final;
    return waits || runs(step->key, step->attempt);
  }
  if (const auto* step = as<StepLost>(detail)) {
    return runs(step->key, step->attempt) || is_probing(step->key, step->attempt);
  }
  if (const auto* step = as<StepCheckpoint>(detail)) return runs(step->key, step->attempt);
  if (const auto* step = as<StepCancelled>(detail)) return state_.steps.contains(step->key);
  if (const auto* timer = as<TimerFired>(detail)) return state_.timers.contains(timer->key);
  if (const auto* wait = as<WaitTimedOut>(detail)) return state_.waits.contains(wait->key);
  if (const auto* event = as<EventReceived>(detail)) {
    return event->wait.empty() ? is_unseen(*event) : state_.waits.contains({event->wait});
  }
  if (const auto* gate = as<GateDecided>(detail)) return state_.gates.contains(gate->key);
  if (const auto* gate = as<GateCancelled>(detail)) return state_.gates.contains(gate->key);
  if (const auto* gate = as<GateOpened>(detail); gate != nullptr && !gate->step.text.empty()) {
    const auto step = state_.steps.find(gate->step);
    return step != state_.steps.end() && step->second.running &&
           !step->second.answers.contains(gate->key) && !state_.gates.contains(gate->key);
  }
  if (const auto* pause = as<RunPaused>(detail)) {
    // A run that is being cancelled goes on to its end: somebody's pause would leave it there.
    const bool over = state_.cancel_requested && pause->reason == "asked";
    return !state_.paused && !over;
  }
  if (as<RunCancelRequested>(detail) != nullptr) return !state_.cancel_requested;
  return true;
}

// A step that was granted a slot and then cancelled gives it back.
void RunActor::drop(const Detail& detail) {
  const auto* started = as<StepStarted>(detail);
  if (started == nullptr) return;
  const auto granted = granted_.extract(started->key);
  if (granted) services_.slots.release(granted.mapped());
}

Driven RunActor::driven() const {
  using store::RunStatus;
  if (state_.end) {
    if (const auto* completed = as<RunCompleted>(*state_.end)) {
      return {.status = RunStatus::completed, .result = completed->result};
    }
    if (const auto* failed = as<RunFailed>(*state_.end)) {
      return {.status = RunStatus::failed, .message = failed->failure.message};
    }
    return {.status = RunStatus::cancelled};
  }
  if (asleep_) return {.status = RunStatus::waiting, .reason = "asleep"};
  if (!state_.paused && !held_at_end_.empty()) {
    const bool paused = std::ranges::any_of(held_at_end_, &Held::paused);
    auto message = engine::open_gates(state_);
    for (const auto& held : held_at_end_) message.push_back(held.why);
    return {.status = paused ? RunStatus::paused : RunStatus::waiting,
            .reason = "child",
            .message = join(message, "\n")};
  }
  if (!state_.paused && !state_.gates.empty()) {
    return {.status = RunStatus::waiting,
            .reason = "gate",
            .message = join(engine::open_gates(state_), "\n")};
  }
  if (!state_.paused) return {.status = RunStatus::running};
  return {.status = RunStatus::paused,
          .reason = state_.paused->reason,
          .message = state_.paused->message};
}

// Never goes back within a run, whatever the machine's clock does.
Time RunActor::now() {
  last_at_ = std::max(last_at_, services_.clock.now());
  return last_at_;
}

void RunActor::request_cancel(std::string by) {
  const bool asked =
      state_.cancel_requested || std::ranges::any_of(inbox_, [](const Detail& detail) {
        return as<RunCancelRequested>(detail) != nullptr;
      });
  if (asked) {
    stop_everything();
    hurry_children(by);
    return;
  }
  post({RunCancelRequested{.by = std::move(by)}});
}

void RunActor::request_cancel_once(std::string by) {
  post({RunCancelRequested{.by = std::move(by)}});
}

bool RunActor::is_called_off() const {
  return leaving_ || lost_ || force_cancel_ || state_.cancel_requested ||
         std::ranges::any_of(inbox_, [](const Detail& detail) {
           return as<RunCancelRequested>(detail) != nullptr;
         });
}

void RunActor::request_pause(std::string by) {
  const auto message = fmt::format("Paused by {}. `agentcmd runs resume` goes on.", by);
  post({RunPaused{
      .reason = "asked", .message = message, .detail = {to_text({{"by", std::move(by)}})}}});
}

void RunActor::request_resume(std::string by, std::string code_hash) {
  if (!state_.paused) return;
  if (!code_hash.empty()) change_code(std::move(code_hash));
  resume_by_ = std::move(by);
  news_.notify();
}

void RunActor::decide_gate(history::GateDecided decision) {
  post({addressed(std::move(decision))});
}

// Nothing is waited for any more but the end of what runs.
void RunActor::stop_everything() {
  force_cancel_ = true;
  attempts_.stop_all();
  closures_.stop_all_effects();
  forget_withdrawn();
  news_.notify();
}

void RunActor::leave() {
  leaving_ = true;
  news_.notify();
}

void RunActor::lose() {
  lost_ = true;
  news_.notify();
}

}  // namespace agentcmd::runtime
