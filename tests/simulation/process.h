#pragma once
// One simulated process of agentcmd: a real driver (runtime/driver.h) on a simulated machine and
// store. It can end in good order, or be killed at any moment.

#include "async/task_group.h"
#include "runtime/driver.h"
#include "simulation/simulated_machine.h"
#include "simulation/simulated_store.h"

#include <memory>
#include <set>
#include <string>

namespace agentcmd::simulation {

// What all processes share.
struct Surroundings {
  World& world;
  Judge& judge;
  Disk& disk;
  DiskState& disk_state;
  Outside& outside;
  Drivers& drivers;
  SimulatedWorker::FindProgram find_program;
  MachineOptions machine;
  Milliseconds clock_ahead{0};  // on purpose: of the clocks of processes
};

class Process {
 public:
  // What a process is for: runs that it is told to drive, or whatever there is in the home.
  enum class Kind { driver, keeper };

  Process(Surroundings& shared, int number, Kind kind, bool wait_when_paused);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& id() const { return port_.process(); }
  bool is_alive() const { return driver_ != nullptr && !leaving_; }
  bool keeps() const { return kind_ == Kind::keeper; }
  // Cannot be taken down, and must not be destroyed.
  bool is_stuck() const { return stuck_; }
  bool drives(const history::RunId& run) const { return driving_.contains(run); }
  bool drives_any() const { return !driving_.empty(); }

  // Makes the run and drives it.
  void create(std::string code_hash, std::string name);
  // A fork or a retry.
  void create(const runtime::ForkPlan& plan);
  // Adopts the run where it is not this driver's already, and drives it.
  void drive(const history::RunId& run, bool resume);
  void cancel(const history::RunId& run);
  SimulatedWorker& worker() { return *machine_->worker(); }
  void stall(Milliseconds time) { port_.stall(time); }

  // In good order; takes its time.
  void leave();
  // At once.
  void kill();

 private:
  class Watcher;
  class ShiftedClock;

  Task<> keep_task();
  Task<Result<runtime::NewRun>> make_child(std::string workflow);
  Task<> create_task(runtime::NewRun run);
  Task<> drive_task(history::RunId run, bool resume);
  Task<> drive_owned(history::RunId run, bool resume);
  Task<> leave_task();
  void end_when_left();
  void end();
  void failed(const std::string& what);

  Surroundings& shared_;
  const Kind kind_;
  Port port_;
  SimulatedStore store_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Watcher> watcher_;
  SimulatedMachine* machine_ = nullptr;  // belongs to the driver
  std::unique_ptr<runtime::Driver> driver_;
  std::set<history::RunId> driving_;
  bool leaving_ = false;
  bool left_ = false;
  bool stuck_ = false;
  Milliseconds leaving_since_{0};
  TaskGroup tasks_;
};

}  // namespace agentcmd::simulation
