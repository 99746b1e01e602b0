#pragma once
// A driver executes runs: it owns them (by an flock on its own file and a term number in the
// database), keeps their code warm in a workflow worker, performs what the engine decides, and
// records what came of it. Nothing outside sees a decision before its commit: a process starts, a
// message is shown, an end is reported only after the append that decided it has returned.

#include "async/task.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "engine/flow.h"
#include "gateway/model_access.h"
#include "history/event.h"
#include "history/flow.h"
#include "runtime/fork.h"
#include "runtime/run_snapshots.h"
#include "runtime/stuck.h"
#include "script/bundle.h"
#include "steps/environment.h"
#include "store/catalog.h"
#include "store/places.h"
#include "store/store.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct NewRun {
  script::Bundle bundle;
  std::string definition;         // id of the workflow
  std::filesystem::path project;  // absolute
  std::string name;
  Milliseconds timeout{0};  // of the whole run; 0: none
  // {"args": {...validated, defaults filled in...}, "mode", "branchName", "baseBranch", "preserve",
  // "agents"}
  JsonText request;
  std::string origin = "user";  // history::RunCreated
  std::string cause;
  history::Flow flow;
  std::optional<ForkOf> fork;  // of a fork or a retry (fork.h); else started anew
};

// What may keep a run from being created, or ends others for it. Retries and forks have no policy.
struct StartPolicy {
  std::vector<store::Cause> causes;    // each starts one run of the definition in its project
  std::vector<std::string> refuse_if;  // groups in which no other run may be under way
  std::vector<std::string> cancel;     // groups whose other runs are cancelled
};

struct Requested {
  history::RunId run;
  bool is_new = true;   // false: of the same cause; empty where that came to no run
  std::string message;  // why to none
};

// Told of what was committed, in order, and of live output. Calls come on the loop; they must not
// block.
class Observer {
 public:
  virtual ~Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual void committed(const history::RunId& run, const history::Event& event) = 0;
  // The run waits for a place: its position in the queue, or why it is held up, has changed.
  virtual void queued(const history::RunId&, std::size_t /*position*/,
                      const std::string& /*reason*/) {}
  // False: output() need not be called.
  virtual bool wants_output() const { return true; }
  // `stream`: "stdout", "stderr", "agent".
  virtual void output(const history::RunId& run, const history::StepKey& step,
                      std::string_view stream, std::string_view text) = 0;

 protected:
  Observer() = default;
};

struct DriverOptions {
  store::Home home;
  std::filesystem::path libexec;
  steps::EnvironmentPolicy environment = steps::EnvironmentPolicy::inherit;  // of host steps
  SnapshotPolicy snapshots = SnapshotPolicy::worktree;
  std::vector<Secret> secrets;  // of the configuration; redacted in what steps record
  gateway::ModelAccess models;
  Observer* observer = nullptr;
  // Whether drive() goes on waiting where only a person can go on: for the answer to a gate, or for
  // the end of a pause.
  bool wait_when_paused = false;
  // The same at gates only: for who asks them in place.
  bool wait_at_gates = false;
  // A workflow of the project as a new run, its arguments checked and completed: what step.invoke
  // begins. Errors say what is wrong, for people. Without it nothing can be invoked.
  std::function<Task<Result<NewRun>>(std::filesystem::path project, std::string workflow,
                                     JsonText args)>
      make_run;
  engine::FlowLimits limits;  // of runs at once
};

// How driving a run ended.
struct Driven {
  store::RunStatus status = store::RunStatus::failed;  // terminal, paused, or waiting (at a gate)
  std::string reason;   // of a pause: "lost", "nondeterminism", ... (history::RunPaused); "gate"
  std::string message;  // why failed, paused or waiting: for the user
  JsonText result;      // when completed
};

// What a driver found when it began to keep a home going.
struct BootReport {
  std::size_t adopted = 0;   // runs that were taken over
  std::size_t attached = 0;  // of those, runs that something was being done for: looked for again
  std::size_t overdue = 0;   // of those, runs whose next moment had passed
  std::size_t asleep = 0;    // of those, runs that nothing has to be done for now
  std::size_t paused = 0;    // runs that wait for a person, and belong to nobody
};

struct KeepOptions {
  std::string project;  // empty: all
  std::function<void(const BootReport&)> booted;
  // It was woken, or looks around by itself: others may have sent events.
  std::function<void()> looked;
  // A run has ended, or waits for a person.
  std::function<void(const history::RunId&, const Driven&)> settled;
};

class Driver {
 public:
  virtual ~Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Records the run, owned by this driver. It is executed by drive().
  virtual Task<Result<history::RunId>> create(NewRun run) = 0;

  // The same for a run that somebody wants started, if `policy` lets it. conflict, naming the run
  // that keeps it from being created.
  virtual Task<Result<Requested>> request(NewRun run, StartPolicy policy) = 0;

  // Takes over a run whose driver is gone. conflict (naming the process) if it is alive, not_found,
  // failed_precondition if the run has ended.
  virtual Task<Result<void>> adopt(history::RunId run) = 0;

  // Executes a run that this driver owns until it ends, pauses or only waits at a gate; before its
  // code runs, it waits for a place (run_queue.h). A paused run is resumed first, when `resume`
  // says so. Errors: conflict when another driver took the run
  // over meanwhile.
  virtual Task<Result<Driven>> drive(history::RunId run, bool resume) = 0;

  // Executes a run that this driver owns in the background, as keep() does.
  virtual void begin(history::RunId run) = 0;

  // The next resume of a run that this driver owns changes it to this code (hash of a kept bundle):
  // drive() replays the history with it first, and where that does not fit returns
  // failed_precondition with the difference, the run as it was.
  virtual void change_code(history::RunId run, std::string code_hash) = 0;

  // Asks for cancellation with clean-up. Durable; the end is seen through drive().
  virtual Task<> cancel(history::RunId run, std::string by) = 0;

  // Those of its runs that are stuck, against all promises (engine/why.h), with the reasons. They
  // are logged, and have looked again at what they should be doing. For every minute.
  virtual std::vector<StuckRun> check_stuck() = 0;

  // Keeps a home, or one project, going until stop(): takes over every run whose driver is gone,
  // but for paused ones that nobody has asked to go on, and executes them; looks for more now and
  // then. Runs that sleep cost next to nothing (sleepers.h). Any number of drivers may do so at
  // once.
  virtual Task<> keep(KeepOptions options) = 0;

  // Leaves everything as it is: processes of steps go on under their supervisors, runs can be
  // resumed.
  virtual Task<> stop() = 0;

 protected:
  Driver() = default;
};

// Registers the driver (its lock and its socket) and starts its worker.
Task<Result<std::unique_ptr<Driver>>> start_driver(boost::asio::any_io_executor executor,
                                                   store::Store& store, Clock& clock,
                                                   Random& random, DriverOptions options);

// The same on a machine of the caller's: a simulated one (machine.h).
class Machine;
std::unique_ptr<Driver> start_driver_on(std::unique_ptr<Machine> machine,
                                        boost::asio::any_io_executor executor, store::Store& store,
                                        Clock& clock, Random& random, DriverOptions options);

// --- For those who do not execute.

// Whether a live process owns the run now.
bool is_driver_alive(const store::Home& home, const std::string& driver);

// invalid_argument says how names of project events look.
Result<void> check_event_name(std::string_view name);

// Adds the events, and wakes the drivers whose runs may wait for them. Their ids, in order.
Task<std::vector<std::uint64_t>> send_events(store::Store& store, store::Home home,
                                             std::vector<store::ProjectEvent> events);

// Asks the run's driver to cancel; with no driver alive the run is taken over and cancelled here,
// processes included. Returns when the request is durable (alive) or carried out (not alive).
Task<Result<void>> request_cancel(boost::asio::any_io_executor executor, store::Store& store,
                                  Clock& clock, Random& random, DriverOptions options,
                                  history::RunId run, std::string by);

}  // namespace agentcmd::runtime
