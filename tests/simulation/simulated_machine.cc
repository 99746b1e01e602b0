#include "simulation/simulated_machine.h"

#include "base/fault.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::simulation {
namespace {

class SimulatedPresence final : public runtime::Presence {
 public:
  SimulatedPresence(Port& port, Drivers& drivers)
      : driver_(port.process()), drivers_(drivers), woken_(port.world().executor()) {
    drivers_.add(driver_, woken_);
  }
  ~SimulatedPresence() override { drivers_.remove(driver_); }

  const std::string& driver() const override { return driver_; }
  Task<> listen(std::function<void()> on_wake) override {
    while (true) {
      co_await woken_.wait();
      on_wake();
    }
  }

 private:
  std::string driver_;
  Drivers& drivers_;
  Wakeup woken_;
};

class SimulatedAlarm final : public Alarm {
 public:
  SimulatedAlarm(Port& port, const MachineOptions& options) : port_(port), options_(options) {}
  ~SimulatedAlarm() override { cancel(); }

  void set(Milliseconds wait, std::function<void()> ring) override {
    auto& world = port_.world();
    world.cancel(std::exchange(event_, 0));
    const auto late = Milliseconds(world.below(3)) + port_.stalled();
    event_ = world.after(wait + late, [this, ring = std::move(ring)] {
      event_ = 0;
      if (port_.is_cut()) return;
      if (port_.world().chance(options_.rings_twice)) ring_again(ring);
      ring();
    });
  }
  void cancel() override {
    port_.world().cancel(std::exchange(event_, 0));
    port_.world().cancel(std::exchange(again_, 0));
  }

 private:
  // Even where it has been set anew meanwhile.
  void ring_again(std::function<void()> ring) {
    auto& world = port_.world();
    world.cancel(again_);
    again_ = world.after(Milliseconds(world.below(5)), [this, ring = std::move(ring)] {
      again_ = 0;
      if (port_.is_cut()) return;
      port_.world().trace("an alarm of {} rings again", port_.process());
      ring();
    });
  }

  Port& port_;
  const MachineOptions& options_;
  World::EventId event_ = 0;
  World::EventId again_ = 0;
};

}  // namespace

SimulatedMachine::SimulatedMachine(Port& port, Judge& judge, Outside& outside, Drivers& drivers,
                                   SimulatedWorker::FindProgram find_program,
                                   const MachineOptions& options)
    : port_(port),
      judge_(judge),
      outside_(outside),
      drivers_(drivers),
      find_program_(std::move(find_program)),
      options_(options) {}

std::unique_ptr<runtime::Presence> SimulatedMachine::register_driver() {
  return std::make_unique<SimulatedPresence>(port_, drivers_);
}

bool SimulatedMachine::is_driver_alive(const std::string& driver) {
  if (driver == options_.thought_dead) return false;
  return drivers_.is_alive(driver) && !port_.world().chance(options_.mistaken);
}

std::unique_ptr<runtime::WorkerHost> SimulatedMachine::make_worker_host(
    script::WorkerHandlers handlers) {
  auto worker = std::make_unique<SimulatedWorker>(port_, judge_, options_, find_program_,
                                                  std::move(handlers));
  worker_ = worker.get();
  return worker;
}

std::unique_ptr<Alarm> SimulatedMachine::make_alarm() {
  return std::make_unique<SimulatedAlarm>(port_, options_);
}

// Nothing that is simulated blocks.
BlockingPool& SimulatedMachine::pool() {
  static BlockingPool unused(1);
  return unused;
}

const steps::StepType* SimulatedMachine::find_step_type(std::string_view name) {
  return Outside::find_step_type(name);
}

std::optional<steps::Outcome> SimulatedMachine::look(const steps::StepType&,
                                                     const steps::Step& step) {
  return outside_.look(step);
}

Task<steps::Outcome> SimulatedMachine::run_step(const steps::StepType&, steps::StepHost& host,
                                                steps::Step step, StopSource& stop) {
  return outside_.run_step(port_, port_.process(), host, std::move(step), stop);
}

Task<steps::EffectOutcome> SimulatedMachine::perform_effect(steps::StepHost&, steps::Step step,
                                                            std::string, JsonText,
                                                            StopSource& stop) {
  return outside_.perform_effect(port_, port_.process(), std::move(step), stop);
}

Task<> SimulatedMachine::end_lost_effects(std::filesystem::path attempt_dir) {
  return outside_.end_lost_effects(port_, std::move(attempt_dir));
}

Task<> SimulatedMachine::end_lost_effects_of_run(std::filesystem::path run_dir) {
  return outside_.end_lost_effects_of_run(port_, std::move(run_dir));
}

Task<Result<workspace::CheckoutLock>> SimulatedMachine::lock_checkout(std::filesystem::path,
                                                                      workspace::Mode,
                                                                      std::string) {
  co_await port_.pass(Milliseconds(port_.world().below(3)));
  co_return workspace::CheckoutLock();
}

Task<Result<workspace::Snapshot>> SimulatedMachine::take_snapshot(
    workspace::SnapshotRequest request) {
  auto& world = port_.world();
  co_await port_.pass(world.chance(900) ? Milliseconds(world.below(8)) : world.some_time());
  if (request.folder == "/project") co_return fail(ErrorCode::not_found, "no repository");
  if (world.chance(50)) throw Fault("git cannot be started");
  if (world.chance(50)) co_return fail(ErrorCode::unavailable, "git: no space left on device");
  co_return workspace::Snapshot{.commit = fmt::format("s{}", world.below(1000)), .left_out = {}};
}

}  // namespace agentcmd::simulation
