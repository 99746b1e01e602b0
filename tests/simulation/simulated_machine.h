#pragma once
// The machine as one simulated driver has it (runtime/machine.h).

#include "runtime/machine.h"
#include "simulation/machine_options.h"
#include "simulation/outside.h"
#include "simulation/port.h"
#include "simulation/simulated_worker.h"

#include <map>
#include <memory>
#include <string>

namespace agentcmd::simulation {

// Who is registered as a driver.
class Drivers {
 public:
  explicit Drivers(World& world) : world_(world) {}
  void add(const std::string& driver, Wakeup& wakeup) { wakeups_[driver] = &wakeup; }
  void remove(const std::string& driver) { wakeups_.erase(driver); }
  bool is_alive(const std::string& driver) const { return wakeups_.contains(driver); }
  void wake_all() {
    for (const auto& [driver, wakeup] : wakeups_) wake(driver);
  }
  void wake(const std::string& driver) {
    world_.after(Milliseconds(world_.below(5)), [this, driver] {
      const auto found = wakeups_.find(driver);
      if (found != wakeups_.end()) found->second->notify();
    });
  }

 private:
  World& world_;
  std::map<std::string, Wakeup*> wakeups_;
};

class SimulatedMachine final : public runtime::Machine {
 public:
  SimulatedMachine(Port& port, Judge& judge, Outside& outside, Drivers& drivers,
                   SimulatedWorker::FindProgram find_program, const MachineOptions& options);

  std::unique_ptr<runtime::Presence> register_driver() override;
  bool is_driver_alive(const std::string& driver) override;
  void wake_driver(const std::string& driver) override { drivers_.wake(driver); }
  void wake_all_drivers() override { drivers_.wake_all(); }
  int driver_pid(const std::string&) override { return 0; }
  std::unique_ptr<runtime::WorkerHost> make_worker_host(script::WorkerHandlers handlers) override;
  std::unique_ptr<Alarm> make_alarm() override;
  BlockingPool& pool() override;

  const steps::StepType* find_step_type(std::string_view name) override;
  std::optional<steps::Outcome> look(const steps::StepType& type, const steps::Step& step) override;
  Task<steps::Outcome> run_step(const steps::StepType& type, steps::StepHost& host,
                                steps::Step step, StopSource& stop) override;
  Task<steps::EffectOutcome> perform_effect(steps::StepHost& host, steps::Step step,
                                            std::string name, JsonText args,
                                            StopSource& stop) override;
  Task<> end_lost_effects(std::filesystem::path attempt_dir) override;
  Task<> end_lost_effects_of_run(std::filesystem::path run_dir) override;
  Task<Result<workspace::CheckoutLock>> lock_checkout(std::filesystem::path project,
                                                      workspace::Mode mode,
                                                      std::string run) override;
  Task<Result<workspace::Snapshot>> take_snapshot(workspace::SnapshotRequest request) override;

  // The only one; nullptr before it is made.
  SimulatedWorker* worker() { return worker_; }

 private:
  Port& port_;
  Judge& judge_;
  Outside& outside_;
  Drivers& drivers_;
  SimulatedWorker::FindProgram find_program_;
  const MachineOptions& options_;
  SimulatedWorker* worker_ = nullptr;  // belongs to the driver
};

}  // namespace agentcmd::simulation
