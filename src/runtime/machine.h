#pragma once
// What drivers and runs use of the machine that they run on, besides the store: processes, locks,
// sockets, files and time. Everything that they do to the world goes through here, so that a
// simulation (tests/simulation) can stand in for the world.

#include "async/alarm.h"
#include "async/blocking.h"
#include "async/stop.h"
#include "async/task.h"
#include "base/json.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/worker_host.h"
#include "steps/effects.h"
#include "steps/step.h"
#include "store/home.h"
#include "workspace/checkout_lock.h"
#include "workspace/snapshot.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::runtime {

// A driver as others see it: while this object lives, it is alive (ownership.h) and can be woken
// (driver_socket.h).
class Presence {
 public:
  virtual ~Presence() = default;
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  virtual const std::string& driver() const = 0;

  // Calls `on_wake` for each wake-up until the task is cancelled.
  virtual Task<> listen(std::function<void()> on_wake) = 0;

 protected:
  Presence() = default;
};

class Machine {
 public:
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Under a new id. Throws Fault.
  virtual std::unique_ptr<Presence> register_driver() = 0;
  virtual bool is_driver_alive(const std::string& driver) = 0;
  // No answer, no error: a driver that is gone has no use for it.
  virtual void wake_driver(const std::string& driver) = 0;
  virtual void wake_all_drivers() = 0;
  // 0 if unknown: for messages.
  virtual int driver_pid(const std::string& driver) = 0;

  virtual std::unique_ptr<WorkerHost> make_worker_host(script::WorkerHandlers handlers) = 0;
  virtual std::unique_ptr<Alarm> make_alarm() = 0;
  virtual BlockingPool& pool() = 0;

  // nullptr for an unknown type.
  virtual const steps::StepType* find_step_type(std::string_view name) = 0;
  // As StepType::look.
  virtual std::optional<steps::Outcome> look(const steps::StepType& type,
                                             const steps::Step& step) = 0;
  // Runs or recovers one attempt, as StepType::run.
  virtual Task<steps::Outcome> run_step(const steps::StepType& type, steps::StepHost& host,
                                        steps::Step step, StopSource& stop) = 0;

  // See steps/effects.h.
  virtual Task<steps::EffectOutcome> perform_effect(steps::StepHost& host, steps::Step step,
                                                    std::string name, JsonText args,
                                                    StopSource& stop) = 0;
  virtual Task<> end_lost_effects(std::filesystem::path attempt_dir) = 0;
  virtual Task<> end_lost_effects_of_run(std::filesystem::path run_dir) = 0;

  // See workspace/checkout_lock.h.
  virtual Task<Result<workspace::CheckoutLock>> lock_checkout(std::filesystem::path project,
                                                              workspace::Mode mode,
                                                              std::string run) = 0;

  // See workspace/snapshot.h.
  virtual Task<Result<workspace::Snapshot>> take_snapshot(workspace::SnapshotRequest request) = 0;

 protected:
  Machine() = default;
};

// The machine that this process runs on. `random` outlives it.
std::unique_ptr<Machine> local_machine(boost::asio::any_io_executor executor, store::Home home,
                                       std::filesystem::path libexec, Random& random);

}  // namespace agentcmd::runtime
