#pragma once
// One run, executed: what happens to it comes into an inbox, is told to its code, and is recorded
// in one commit together with what the code answered; after that commit, and not before, it has
// effects. Everything runs on the loop, so a run needs no lock.
//
//   inbox → apply → activation → completion → decide → append (fsync) → start, stop, arm, show →
//   inbox …

#include "async/alarm.h"
#include "async/blocking.h"
#include "async/stop.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "base/clock.h"
#include "engine/run_state.h"
#include "engine/why.h"
#include "history/activation.h"
#include "runtime/attempts.h"
#include "runtime/closures.h"
#include "runtime/driver.h"
#include "runtime/family.h"
#include "runtime/machine.h"
#include "runtime/run_snapshots.h"
#include "runtime/sleepers.h"
#include "runtime/slots.h"
#include "steps/step.h"
#include "store/store.h"
#include "workspace/checkout_lock.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

// What every run of a driver shares. Constant after construction; outlives the runs.
struct Services {
  boost::asio::any_io_executor executor;
  store::Store& store;
  Clock& clock;
  Machine& machine;
  WorkerHost& workers;
  Slots& slots;
  const DriverOptions& options;
  std::map<std::string, std::string> env;  // for host steps
  Family& family;
};

class RunActor final : public steps::StepHost {
 public:
  RunActor(Services services, history::RunId run, store::Owner owner);

  // See Driver::drive.
  Task<Result<Driven>> drive(bool resume);

  // The whole history of the run, which this driver has just written: drive() need not read it.
  void is_new(std::vector<history::Event> history) { new_ = std::move(history); }

  // See Driver::change_code.
  void change_code(std::string code_hash) { next_code_ = std::move(code_hash); }

  // From here on drive() returns when nothing can happen for a while but what the clock, an event
  // or a child brings, and asleep() says what; `settled` is called once, when the run first has
  // nothing to do at the moment.
  void let_sleep(std::function<void()> settled);
  const std::optional<Sleeper>& asleep() const { return asleep_; }
  // The same where drive() has returned because of children that wait for a person.
  const std::optional<Sleeper>& asleep_with_children() const { return asleep_with_children_; }
  // Whether something came in that drive() did not take up any more.
  bool has_news() const { return !inbox_.empty() || events_due_ || force_cancel_; }

  // Asks for cancellation with clean-up; a second call ends the run without waiting for clean-up.
  void request_cancel(std::string by);
  // As the first call of request_cancel(), however often it is called.
  void request_cancel_once(std::string by);

  // Cancelled, left or lost: it need not wait for a place.
  bool is_called_off() const;

  // From the next step boundary on nothing new begins; what runs goes on to its end.
  void request_pause(std::string by);
  // Ends a pause that drive() is still waiting in, for attempts or by DriverOptions.
  // `code_hash`: of other code to change to (change_code), or empty.
  void request_resume(std::string by, std::string code_hash);

  // Answers an open gate; nothing happens where it is not open any more.
  void decide_gate(history::GateDecided decision);

  // Reads what others ask of the run, and carries it out.
  void look_at_requests();
  // Why the run is stuck, if it is; then it has looked again at all that it should be doing.
  std::vector<std::string> help_if_stuck();

  // There may be events that it waits for.
  void look_for_events();
  bool waits_for_event(const std::string& project, const std::string& name) const;

  // Something may have happened to a child.
  void look_at_children();
  std::vector<history::RunId> awaited_children() const;
  // As whom it appends: the run's owner, as long as nobody else has taken the run over.
  const store::Owner& owner() const { return owner_; }
  // The run that has invoked this one, or empty. Known once drive() has loaded the run.
  const std::string& parent() const { return state_.created.parent; }

  // The steps of driver_steps.h.
  Task<steps::Outcome> send_events(steps::Step step);
  Task<steps::Outcome> invoke(steps::Step step, StopSource& stop);

  // A child that a step waits for.
  struct Child {
    history::RunId run;
    bool closes = true;            // it is cancelled with the step
    std::optional<Time> deadline;  // when it is cancelled anyway
    bool late = false;             // that is now, and is being done
    bool looked_at = false;        // nothing is known to have happened to it since the last look
  };

  // Makes drive() return as soon as it can, leaving processes and history as they are.
  void leave();
  // The same, since another driver has taken the run over: drive() says conflict.
  void lose();

  // From the worker.
  void closure_ended(const history::ClosureEnd& end);
  void worker_died();
  void stopped(const script::RunStopped& stopped);
  Task<script::EffectResult> perform(script::Effect effect);

  // steps::StepHost
  boost::asio::any_io_executor executor() override { return services_.executor; }
  BlockingPool& pool() override { return services_.machine.pool(); }
  Task<> checkpoint(const steps::Step& step, JsonText data) override;
  void note(const steps::Step& step, history::Detail detail) override;
  void ask(const steps::Step& step, steps::Question question) override;
  std::optional<history::GateDecided> answer(const steps::Step& step,
                                             const history::StepKey& gate) const override;
  void withdraw_question(const steps::Step& step, const history::StepKey& gate) override;
  std::vector<std::string> allowed_in_run() const override { return state_.allowed; }
  std::uint64_t recorded() const override { return committed_; }
  Task<> recorded_after(std::uint64_t seen) override;
  bool has_audience() const override;
  void output(const steps::Step& step, std::string_view stream, std::string_view text) override;

 private:
  using Details = std::vector<history::Detail>;

  // --- run_actor.cc: the life of a run.
  Task<Result<Driven>> drive_loaded(bool resume, bool is_new);
  Task<Result<Driven>> pause_for_damage(std::string what);
  Task<Result<void>> resume(std::string by);
  Task<Result<void>> run_until_end();
  struct Turn {
    Time at;
    std::vector<history::Event> events;  // to be committed together
    std::vector<history::Job> jobs;      // what the code is told
    Details details;                     // what happened: the events before the code's answer
  };
  struct Appended {
    Result<void> result;
    std::exception_ptr fault;
  };
  Task<Result<void>> take_inbox();
  Task<Result<void>> turn(Details details, std::vector<history::Job> unseen);
  Turn begin_turn(Details details, std::vector<history::Job> unseen);
  std::vector<history::StepKey> answer(Turn& turn, history::Completion& completion);
  std::vector<history::StepKey> decide(Turn& turn, const std::vector<history::Command>& commands);
  // What one commit writes, and the running attempts that it leaves nobody to wait for.
  struct Batch {
    std::vector<history::Event> events;
    std::vector<history::StepKey> stop;
  };
  struct Commit {
    Batch batch;
    std::optional<Appended> appended;  // set when it has ended
  };
  bool has_waiting_closures(const history::Completion& completion) const;
  Details looks(const std::vector<history::Event>& events) const;
  void end_with(Batch& batch);
  void begin_commit(Batch batch);
  Task<> commit();
  Task<Result<void>> end_commit();
  Task<Result<void>> flush(Batch batch);
  Task<Result<void>> end_paused(Details details);
  void stop_everything();
  Task<Result<void>> force_cancel();
  Task<Result<void>> append(std::vector<history::Event> events);
  Task<Result<void>> append_details(Details details);
  Task<> load();
  Task<Result<void>> hold_checkout();
  std::vector<history::Event> apply(Time at, const Details& details);
  Details settled(Details details);
  bool is_current(const history::Detail& detail) const;
  bool is_current(const history::Job& job) const;  // of closure_jobs_
  bool runs(const history::StepKey& key, std::uint32_t attempt) const;
  void drop(const history::Detail& detail);
  bool is_waiting_for_something() const;
  bool is_waiting_for_people_only() const;
  bool is_anything_under_way() const;
  // No attempt, and no effect of a closure: nothing that the run has begun is at work.
  bool is_quiet() const { return attempts_.empty() && !closures_.has_effects(); }
  bool can_finalize() const;
  bool is_told_to_cancel() const;
  bool stays_for_people() const;
  bool fall_asleep();
  Sleeper sleeper() const;
  bool waits_for_children_only() const;
  Driven driven() const;
  Time now();

  // --- run_requests.cc: what others ask for.
  Task<> take_requests();
  Task<> done_with(std::vector<std::uint64_t> requests);
  void carry_out(const store::Request& request);
  Task<> end_requests();
  Task<> finish_requests();

  // --- run_code.cc: talking to the code.
  // The answer, or nothing: then pause_ says why the code cannot go on.
  Task<std::optional<history::Completion>> activate(std::vector<history::Job> jobs, Time now);
  Task<std::optional<history::Completion>> try_activate(std::vector<history::Job> jobs, Time now);
  history::Activation activation(std::vector<history::Job> jobs, Time now) const;
  Task<bool> ensure_warm();
  Task<bool> replay();
  bool cannot_go_on(history::RunPaused why);
  Task<Result<void>> try_code(std::string code_hash);

  // --- run_stuck.cc
  engine::WhyFacts why_facts() const;

  // --- run_snapshots.cc: what the files were before a step.
  Task<> keep_files_before(steps::Step step);
  Task<> keep_files(history::StepKey key);

  // --- run_effects.cc: what a commit leads to, and what comes back.
  void dispatch(const std::vector<history::Event>& events);
  void start_attempt(const history::StepKey& key, bool recovering);
  void queue_step(const history::StepKey& key);
  void recover_open_steps();
  void stop_step(const history::StepKey& key);
  Task<> end_lost_effects();
  void attempt_ended(const history::StepKey& key, std::uint32_t attempt, steps::Outcome outcome);
  Details stopped_attempt(const history::StepKey& key, std::uint32_t attempt);
  void arm_timer();
  void look_at_clock();
  std::optional<Time> next_moment() const;
  Details due(Time at) const;
  Details ends_of(const std::vector<history::ClosureEnd>& ends);
  bool take_slot(const std::string& type);
  Slots::Kind slot_of(const std::string& type) const;
  steps::RunContext context() const;
  steps::Step make_step(const history::StepKey& key, bool recovering) const;
  void post(Details details);
  void became_quiet();
  void begin_held_finalize();

  // --- run_withdrawals.cc: nothing new begins beside what the code gave up and still runs.
  void withdraw(const std::vector<history::Command>& commands);
  bool is_at_work(const history::StepKey& key) const;
  bool has_withdrawn_at_work();
  std::optional<Time> next_release() const;
  void begin_held_steps();
  void forget_withdrawn();

  // --- run_losses.cc
  Details lost(const history::StepKey& key, std::uint32_t attempt, const std::string& reason);
  history::StepStarted begin_again(const history::StepKey& key, std::uint32_t lost_attempt);
  static history::RunPaused ask_about_loss(const history::StepKey& key, std::uint32_t attempt,
                                           const std::string& reason, std::uint32_t losses);
  void start_probe(const history::StepKey& key);
  bool is_probing(const history::StepKey& key, std::uint32_t attempt) const;
  Details probe_ended(const history::ClosureEnd& end);
  Details probe_failed(const history::StepKey& key, std::uint32_t attempt, const std::string& why);

  // --- run_timeouts.cc
  std::optional<Time> next_deadline() const;
  Details past_deadlines(Time at);
  bool is_starting(const history::StepKey& key) const;

  // --- run_questions.cc: what steps ask people.
  Details withdrawn_questions(const history::Detail& ended) const;
  history::GateDecided addressed(history::GateDecided decision) const;

  // --- run_events.cc
  Task<> receive_events();
  bool is_unseen(const history::EventReceived& event) const;

  // --- run_children.cc
  struct Awaiting {
    bool stopping = false;   // nobody waits for the child any more
    bool late = false;       // it has missed its deadline
    bool retries = false;    // the step may try again with another child
    bool cared_for = false;  // somebody drives the child
  };
  Invocation invocation(const steps::Step& step, const Json& config) const;
  Task<Result<std::optional<Child>>> bear(const steps::Step& step, const Json& config);
  static std::optional<Child> recorded_child(const steps::Step& step, const Json& config);
  std::vector<history::StepKey> born_with(const std::vector<history::Event>& events) const;
  void announce(const std::vector<history::StepKey>& born);
  Task<steps::Outcome> await_child(history::StepKey key, Child child, std::string workflow,
                                   Awaiting how, StopSource& stop);
  Task<> child_news(std::uint64_t seen, bool stopping, StopSource& stop);
  Task<> child_news_since(std::uint64_t seen);
  static steps::Outcome outcome_of(const Child& child, const ChildEnd& end,
                                   const std::string& workflow, const Awaiting& how);
  void look_at_deadlines(Time at);
  void hurry_children(const std::string& by);
  bool has_looked_at_children() const;
  std::vector<Held> held_children() const;

  // Constant after construction.
  Services services_;
  history::RunId run_;
  store::Owner owner_;

  std::vector<history::Event> new_;

  engine::RunState state_;       // of everything committed, and of what is being committed
  std::uint64_t committed_ = 0;  // last sequence number on disk
  std::uint64_t seen_ = 0;       // last sequence number whose events the code has seen
  Time last_at_;

  Details inbox_;
  std::uint64_t posted_ = 0;                 // details ever posted
  std::uint64_t processed_ = 0;              // of those, committed or dropped
  std::vector<history::Job> closure_jobs_;   // closures to begin again with the next activation
  std::optional<history::Detail> ending_;    // the code is done; the end waits for running attempts
  std::optional<history::RunPaused> pause_;  // why the code cannot go on, until that is recorded
  std::optional<std::string> resume_by_;     // asked for while the run is paused
  std::optional<std::string> next_code_;     // of the next resume
  bool force_cancel_ = false;
  bool leaving_ = false;
  bool lost_ = false;
  bool in_turn_ = false;

  Closures closures_;  // whose start is committed
  // Attempts that were asked to stop because of a timeout.
  std::map<history::StepKey, history::Failure> overdue_;
  std::set<history::StepKey> asked_to_stop_;  // nobody waits for them any more
  bool events_due_ = false;                   // there may be events that a wait wants

  bool may_sleep_ = false;
  std::function<void()> settled_;
  std::optional<Sleeper> asleep_;
  std::optional<Sleeper> asleep_with_children_;
  std::vector<Held> held_at_end_;  // children that wait for a person, as drive() returned

  std::map<history::StepKey, Child> children_;           // that a step waits for
  std::map<history::StepKey, store::RunAppend> births_;  // to be recorded with their checkpoints
  std::uint64_t child_news_ = 0;                         // how often there were news of them
  workspace::CheckoutLock checkout_;
  std::map<history::StepKey, Slots::Ticket> queued_;
  std::map<history::StepKey, Slots::Kind> granted_;  // slots taken for a StepStarted in the inbox
  std::optional<history::StepKey> held_finalize_;    // waits until the run is quiet
  std::map<history::StepKey, Time>
      withdrawn_;                      // given up by the code since then, and still at work
  std::set<history::StepKey> held_;    // wait until those have ended
  std::uint64_t warm_generation_ = 0;  // of the worker that has this run's context; 0: none
  int worker_deaths_ = 0;

  Wakeup news_;          // inbox, flags
  Wakeup committing_;    // committed_ or processed_ has moved
  Wakeup child_wakeup_;  // child_news_ has moved
  std::unique_ptr<Alarm> alarm_;
  bool takes_requests_ = false;  // while the run is driven
  int requests_under_way_ = 0;
  // Carried out, by id, and not marked done: how much had been posted by then.
  std::map<std::uint64_t, std::uint64_t> taken_requests_;
  std::optional<Commit> commit_;  // under way
  TaskGroup requests_;
  TaskGroup commits_;
  RunSnapshots snapshots_;
  Attempts attempts_;
};

}  // namespace agentcmd::runtime
