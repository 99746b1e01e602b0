#pragma once
// What steps and closures do to the simulated world: processes of attempts, which outlive the
// driver that started them as supervised processes do (process/supervised_process.h), and effects
// of closures.

#include "async/stop.h"
#include "async/wakeup.h"
#include "simulation/judge.h"
#include "simulation/port.h"
#include "steps/effects.h"
#include "steps/step.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::simulation {

class Outside {
 public:
  Outside(World& world, Judge& judge) : world_(world), judge_(judge) {}

  // As runtime::Machine. `driver` is who asks, through `port`.
  static const steps::StepType* find_step_type(std::string_view name);
  std::optional<steps::Outcome> look(const steps::Step& step);
  Task<steps::Outcome> run_step(Port& port, std::string driver, steps::StepHost& host,
                                steps::Step step, StopSource& stop);
  Task<steps::EffectOutcome> perform_effect(Port& port, std::string driver, steps::Step step,
                                            StopSource& stop);
  Task<> end_lost_effects(Port& port, std::filesystem::path attempt_dir);
  Task<> end_lost_effects_of_run(Port& port, std::filesystem::path run_dir);

  // --- Faults.
  void kill_a_supervisor();
  void lose_power();  // nothing is left but what is on the disk

  // Empty where nothing of the run is alive.
  std::string alive(const history::RunId& run) const;

 private:
  enum class State { running, ended, lost };
  struct Attempt {
    explicit Attempt(const boost::asio::any_io_executor& executor) : changed(executor) {}
    State state = State::running;
    World::EventId end = 0;
    bool stopping = false;
    steps::Outcome outcome;  // once it has ended
    Wakeup changed;
  };
  struct Effect {
    AttemptId id;
    std::filesystem::path run_dir;
    std::filesystem::path attempt_dir;
    bool stale = false;
    bool alive = true;
  };

  std::shared_ptr<Attempt> start(const std::string& driver, const AttemptId& id,
                                 const steps::Step& step);
  void end(const AttemptId& id, Attempt& attempt, steps::Outcome outcome);
  steps::Outcome some_outcome(const AttemptId& id, const std::string& type);
  Task<steps::Outcome> watch(AttemptId id, std::shared_ptr<Attempt> attempt, StopSource& stop);

  World& world_;
  Judge& judge_;
  std::map<AttemptId, std::shared_ptr<Attempt>> attempts_;  // that were claimed
  std::vector<std::shared_ptr<Effect>> effects_;
};

}  // namespace agentcmd::simulation
