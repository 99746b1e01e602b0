#pragma once
// The code of one run in the simulated worker: a program that is told of jobs and asks for things,
// as workflow code with the SDK does (sdk/src/run.ts, pending.ts). Deterministic: the same jobs in
// the same order give the same commands.

#include "history/activation.h"
#include "simulation/program.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::simulation {

class Code {
 public:
  explicit Code(const Program& program) : program_(program) {}

  // Applies one job. `patches`: of a replay, the ids that are marked.
  void apply(const history::Job& job, bool replaying, const std::vector<std::string>& patches);

  // What was asked for since the last call.
  std::vector<history::Command> take_commands() { return std::exchange(commands_, {}); }
  // Closures that were asked for since the last call.
  std::vector<history::StepKey> take_closures() { return std::exchange(closures_asked_, {}); }

  bool is_open(const history::StepKey& key) const { return open_.contains(key.text); }
  // The node of a closure that was asked for, else null.
  const Node* closure(const history::StepKey& key) const;

 private:
  enum class Stage { before, setup, body, cleanups, finalise, over };
  enum class Kind { step, timer, wait, gate };

  struct Settled {
    std::uint64_t at = 0;  // number of the job
    std::int64_t value = 0;
    std::string error;  // set where it threw
    bool threw() const { return !error.empty(); }
  };
  struct Open {
    Kind kind = Kind::step;
    std::uint64_t order = 0;
    bool shielded = false;
    std::string event;                   // of a wait
    std::vector<std::string> deadlines;  // that it is within
  };
  struct Kept {
    std::string event;
    std::string name;
  };

  using Result = std::optional<Settled>;

  void settle(const std::string& key, std::int64_t value, std::string error);
  void give_up(const std::string& key);
  void abandon_all();
  void cancel();
  void receive(const history::EventJob& event);

  void advance();
  bool advance_stage();
  void end_body(const Settled& settled);
  void finish();

  Result eval(const Node& node, const std::string& suffix, std::uint64_t began);
  Result eval_sequence(const Node& node, const std::string& suffix, std::uint64_t began);
  Result eval_group(const Node& node, const std::string& suffix, std::uint64_t began);
  Result eval_deadline(const Node& node, const std::string& suffix, std::uint64_t began);
  Result eval_leaf(const Node& node, const std::string& suffix);
  Result eval_patch(const std::string& key, std::uint64_t began);
  Result system_step(const std::string& key, const std::string& type);
  void ask(const Node& node, const std::string& key);
  void add_open(const std::string& key, Kind kind, std::string event = {});
  void note(const std::string& key, history::Detail detail);

  const Program& program_;
  Stage stage_ = Stage::before;
  std::uint64_t job_ = 0;
  Time now_;
  bool replaying_ = false;
  const std::vector<std::string>* patches_ = nullptr;

  std::map<std::string, Open> open_;
  std::uint64_t last_order_ = 0;
  std::map<std::string, Settled> settled_;
  std::set<std::string> asked_;
  std::set<std::string> noted_;
  std::map<std::string, bool> patched_;
  std::map<std::string, Settled> deadlines_;  // that are decided
  std::vector<std::string> within_;           // deadlines around the node that is evaluated
  std::map<std::string, const Node*> closures_;
  std::deque<Kept> kept_;

  struct Cleanup {
    const Node* node = nullptr;
    std::string suffix;
    std::uint64_t began = 0;
  };
  std::vector<Cleanup> cleanups_;
  std::optional<Cleanup> cleaning_;

  bool cancelled_ = false;
  bool shielding_ = false;
  bool has_workspace_ = false;
  Settled end_;

  std::vector<history::Command> commands_;
  std::vector<history::StepKey> closures_asked_;
};

// What a whole history makes the program ask for.
std::vector<history::Command> commands_of(const Program& program,
                                          const std::vector<history::Event>& events);

}  // namespace agentcmd::simulation
