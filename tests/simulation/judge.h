#pragma once
// Judges a simulation: sees every commit, and everything that begins or ends in the world, and says
// which promise is broken. It knows nothing of the engine but the meaning of histories.

#include "engine/run_state.h"
#include "history/event.h"
#include "runtime/driver.h"
#include "simulation/program.h"
#include "simulation/world.h"
#include "store/history_log.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::simulation {

// One attempt of one step of one run.
struct AttemptId {
  history::RunId run;
  history::StepKey key;
  std::uint32_t attempt = 1;
  auto operator<=>(const AttemptId&) const = default;
};

std::string to_text(const AttemptId& id);

class Judge {
 public:
  explicit Judge(World& world) : world_(world) {}

  struct Run {
    history::RunId id;
    engine::RunState state;
    std::vector<history::Event> events;
    store::Owner owner;
    std::set<history::StepKey> asked;
    std::set<history::StepKey> completed;
    std::map<history::StepKey, std::uint32_t> last_attempt;
  };

  // --- The disk.
  void committed(const store::RunAppend& part);
  void taken_over(const history::RunId& run, const store::Owner& owner);

  // --- The world. `driver` did it.
  void attempt_starts(const std::string& driver, const AttemptId& id);
  void effect_starts(const std::string& driver, const AttemptId& id);
  void closure_starts(const std::string& driver, const AttemptId& id);
  void attempt_ended(const AttemptId& id, const JsonText& output);
  void closure_ended(const std::string& driver, const AttemptId& id, const JsonText& output);

  // --- What a driver tells others.
  void observed(const std::string& driver, const history::RunId& run, const history::Event& event);
  void driven(const std::string& driver, const history::RunId& run, const runtime::Driven& driven);

  // At the end of the simulation.
  void finish(const history::RunId& run, const Program& program);

  const std::map<history::RunId, Run>& runs() const { return runs_; }
  // nullptr where the disk has no such run.
  const Run* find(const history::RunId& run) const;

  // Says what of a run is alive, empty where nothing is. Set once.
  std::function<std::string(const history::RunId&)> alive;

  // Called after each commit to a run that has not ended, if it is set.
  std::function<void(const Run&)> after_commit;

 private:
  void apply(Run& run, const history::Event& event);
  void check_event(Run& run, const history::Event& event);
  void check_due(const history::StepKey& key, std::optional<Time> moment,
                 const history::Event& event);
  void check_end(const Run& run);
  const JsonText* output_of(const std::string& driver, const AttemptId& id) const;
  bool is_owner(const Run& run, const std::string& driver) const {
    return run.owner.driver == driver;
  }

  World& world_;
  std::map<history::RunId, Run> runs_;
  std::map<AttemptId, JsonText> outputs_;
  // By driver: of closures that run in its worker; those of two drivers are different attempts.
  std::map<std::pair<std::string, AttemptId>, JsonText> closure_outputs_;
};

}  // namespace agentcmd::simulation
