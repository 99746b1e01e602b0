#pragma once
// The driver of a process. It executes a run in the foreground for whoever calls drive(), and runs
// in the background: children of runs, and in keep() whatever it finds. A background run is in one
// of four states: it is driven (an actor, a task; it may have to wait for a place first), queued to
// be driven, asleep (a record), or no longer ours.

#include "async/alarm.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "runtime/driver.h"
#include "runtime/family.h"
#include "runtime/machine.h"
#include "runtime/run_actor.h"
#include "runtime/run_queue.h"
#include "runtime/sleepers.h"
#include "runtime/slots.h"
#include "store/requests.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace agentcmd::runtime {

class LocalDriver final : public Driver, private Family {
 public:
  LocalDriver(boost::asio::any_io_executor executor, store::Store& store, Clock& clock,
              Random& random, DriverOptions options, std::unique_ptr<Machine> machine);

  Task<Result<history::RunId>> create(NewRun run) override;
  Task<Result<Requested>> request(NewRun run, StartPolicy policy) override;
  Task<Result<void>> adopt(history::RunId run) override;
  Task<Result<Driven>> drive(history::RunId run, bool resume) override;
  void begin(history::RunId run) override { begin(std::move(run), false); }
  Task<> cancel(history::RunId run, std::string by) override;
  void change_code(history::RunId run, std::string code_hash) override;
  std::vector<StuckRun> check_stuck() override;
  Task<> keep(KeepOptions options) override;
  Task<> stop() override;

 private:
  // --- driver.cc: one run.
  RunActor& actor_of(const history::RunId& run, const store::Owner& owner);
  script::WorkerHandlers handlers();
  void look_for_stuck_runs();
  Task<> forget_if_lost(history::RunId run);
  Task<script::EffectResult> perform(script::Effect effect);
  store::RunAppend first_append(const NewRun& run, history::RunCreated created);

  // --- background_runs.cc: runs that nobody calls drive() for.
  struct Beginning {
    history::RunId run;
    bool resume = false;
  };
  void begin(history::RunId run, bool resume);
  void begin_queued();
  Task<> drive_in_background(Beginning beginning, std::function<void()> settled);
  Task<> settle_in_background(history::RunId run, const RunActor& actor, Result<Driven> driven);
  void fall_asleep(Sleeper sleeper);
  void try_again_later(const history::RunId& run);
  Task<> release(history::RunId run);
  void tell_family(const history::RunId& run, const std::string& parent);
  void arm_sleepers();
  void wake_due();

  // --- driver_look.cc: what others have asked for, sent or left behind.
  void look_around();
  Task<> look();
  void arm_look();
  Task<> look_at_owners();
  Task<> lose(store::Takeover lost);
  Task<> look_at_requests();
  Task<> look_at_events();
  Task<> look_at_foreign_children();
  struct Adoption {
    std::vector<store::LiveRun> runs;
    std::set<history::RunId> wanted;  // that somebody has asked to go on, or to end
    std::size_t paused = 0;
  };
  Task<BootReport> adopt_all();
  Task<Adoption> adoptable();
  Task<std::vector<store::LiveRun>> take_over(std::vector<store::LiveRun> runs);

  // --- driver_family.cc
  Task<Result<store::RunAppend>> prepare_child(Invocation invocation) override;
  void child_created(const store::RunAppend& child) override;
  Task<> look_after(history::RunId child) override;
  Task<std::optional<ChildEnd>> end_of(history::RunId child) override;
  std::optional<Held> held(const history::RunId& child) const override;
  Task<> cancel_child(history::RunId child, std::string by, bool force) override;
  void events_sent() override;
  Task<> see_through(std::string name, Task<> work);
  Task<> take_care_of(history::RunId child);
  Task<Held> why_held(store::RunRow run);
  Task<bool> has_something_to_do(history::RunId run);
  Task<> ask_to_cancel(history::RunId child, std::string by, bool force);
  Task<bool> is_too_deep(history::RunId parent);

  // Constant after construction.
  boost::asio::any_io_executor executor_;
  store::Store& store_;
  Clock& clock_;
  Random& random_;
  DriverOptions options_;

  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Presence> presence_;
  Slots slots_;
  RunQueue places_;
  std::unique_ptr<WorkerHost> workers_;
  std::map<std::string, std::string> env_;

  std::map<history::RunId, store::Owner> owned_;  // live runs
  std::map<history::RunId, std::unique_ptr<RunActor>> actors_;
  std::map<history::RunId, std::vector<history::Event>> new_;  // created here and never driven yet

  // In the background.
  std::set<history::RunId> background_;  // driven, or queued to be
  std::deque<Beginning> queue_;
  std::size_t waking_ = 0;  // driven, and not yet where they have nothing to do
  Sleepers sleepers_;
  std::map<history::RunId, Held> held_;  // runs that wait for a person
  std::unique_ptr<Alarm> sleepers_alarm_;

  std::optional<std::uint64_t> events_seen_;  // id; nothing: never looked
  std::optional<KeepOptions> keeping_;
  std::unique_ptr<Alarm> look_alarm_;
  std::unique_ptr<Alarm> stuck_alarm_;
  bool looking_ = false;
  bool look_again_ = false;
  bool stopping_ = false;
  Wakeup stopped_;

  TaskGroup runs_;   // one for each run in the background
  TaskGroup tasks_;  // everything else
};

}  // namespace agentcmd::runtime
