#pragma once
// The workflow worker as one simulated driver has it: keeps the code of runs warm, answers
// activations as script/protocol.md says, runs closures, and can die.

#include "async/task_group.h"
#include "runtime/worker_host.h"
#include "simulation/code.h"
#include "simulation/judge.h"
#include "simulation/machine_options.h"
#include "simulation/port.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace agentcmd::simulation {

class SimulatedWorker final : public runtime::WorkerHost {
 public:
  // The program of a code hash; nullptr for an unknown one.
  using FindProgram = std::function<const Program*(const std::string& hash)>;

  SimulatedWorker(Port& port, Judge& judge, const MachineOptions& options, FindProgram find_program,
                  script::WorkerHandlers handlers);

  std::uint64_t generation(const history::RunId&) const override { return generation_; }
  Task<> ensure_started(const history::RunId& run) override;
  Task<Result<script::ActivationOutcome>> activate(history::Activation activation) override;
  void evict(const history::RunId& run) override;
  Task<> stop() override;

  // --- Faults.
  void die();
  // The code of one run is stopped, as for the time it takes.
  void stop_a_run();

 private:
  struct Context {
    explicit Context(const Program& program, std::uint64_t number)
        : code(program), number(number) {}
    Code code;
    std::vector<std::string> known;  // closures that the run's memo has
    std::uint64_t number;            // of all contexts: tells whether it is still there
  };
  // A closure that goes on after its completion.
  struct Going {
    AttemptId id;
    std::uint32_t effects = 0;
    std::uint64_t context = 0;
    bool is_probe = false;
  };

  script::ActivationOutcome apply(const history::Activation& activation, std::vector<Going>& going);
  void begin_closure(Context& context, AttemptId id, history::Completion& completion,
                     std::vector<Going>& going);
  history::ClosureEnd end_of(const AttemptId& id);
  history::ClosureEnd end_of_probe(const AttemptId& id);
  Task<> run_closure(Going closure);
  void tell_end(const history::RunId& run, const history::ClosureEnd& end);
  bool is_gone(const Going& closure) const;

  Port& port_;
  Judge& judge_;
  const MachineOptions& options_;
  std::string driver_;
  FindProgram find_program_;
  script::WorkerHandlers handlers_;

  std::uint64_t generation_ = 1;
  std::uint64_t last_context_ = 0;
  bool stopped_ = false;
  std::map<history::RunId, Context> contexts_;
  std::map<history::RunId, std::uint64_t> evictions_;
  TaskGroup closures_;
};

}  // namespace agentcmd::simulation
