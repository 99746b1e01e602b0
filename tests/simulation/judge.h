#pragma once
// Judges a simulation: sees every commit, and everything that begins or ends in the world, and says
// which promise is broken. It knows nothing of the engine but the meaning of histories.

#include "engine/run_state.h"
#include "history/event.h"
#include "runtime/driver.h"
#include "simulation/program.h"
#include "simulation/world.h"
#include "store/events.h"
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
    std::map<std::pair<history::StepKey, std::uint32_t>, std::uint32_t> terms;  // of attempts
    std::uint64_t created_after = 0;    // id of the last event that there was then
    std::set<std::uint64_t> received;   // ids of events
    std::set<std::string> consumed;     // of those, by a wait
    std::set<history::RunId> children;  // that end with it
    std::set<history::StepKey> kept;    // whose files were kept, or could not be
    engine::Memo memo;                  // of a fork or a retry: done, and never done here
    bool is_forgotten = false;
  };

  // --- The disk.
  void committed(const std::vector<store::RunAppend>& parts);
  void taken_over(const history::RunId& run, const store::Owner& owner);

  // --- The world. `driver` did it.
  void attempt_starts(const std::string& driver, const AttemptId& id);
  void effect_starts(const std::string& driver, const AttemptId& id);
  void closure_starts(const std::string& driver, const AttemptId& id);
  void attempt_ended(const AttemptId& id, const JsonText& output);
  void closure_ended(const std::string& driver, const AttemptId& id, const JsonText& output);
  void probe_found(const std::string& driver, const AttemptId& id, const JsonText& output);
  void forgotten(const history::RunId& run);

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
  // The events of the project. Set once.
  std::function<std::vector<store::ProjectEvent>()> events;

  // Called after each commit to a run that has not ended, if it is set.
  std::function<void(const Run&)> after_commit;

 private:
  void apply(Run& run, const history::Event& event);
  void check_event(Run& run, const history::Event& event);
  void check_due(const Run& run, const history::StepKey& key, std::optional<Time> moment,
                 const history::Event& event);
  void check_end(const Run& run);
  void committed(const store::RunAppend& part);
  void check_birth(const store::RunAppend& child, const std::vector<store::RunAppend>& parts);
  void note_checkpoint(Run& run, const history::StepCheckpoint& checkpoint);
  void check_result(const Run& run, const history::StepCompleted& completed);
  bool is_known(const Run& run, const history::StepKey& key) const;
  void check_known(const Run& run, const history::StepCompleted& completed);
  void check_kept(const Run& run, const engine::OpenStep& step, const AttemptId& id);
  void check_sent(const Run& run, const history::StepCompleted& completed);
  void check_child(const Run& run, const engine::OpenStep& step,
                   const history::StepCompleted& completed);
  void check_received(Run& run, const history::EventReceived& event);
  void check_matched(Run& run, const history::WaitMatched& matched);
  const JsonText* output_of(const std::string& driver, const AttemptId& id) const;
  bool is_owner(const Run& run, const std::string& driver) const {
    return run.owner.driver == driver;
  }
  // Whether an owner before the present one began the attempt: perhaps the same driver, which had
  // lost the run, has it again, and does not know either yet.
  static bool is_of_former_owner(const Run& run, const AttemptId& id);

  World& world_;
  std::map<history::RunId, Run> runs_;
  std::map<AttemptId, JsonText> outputs_;
  // By driver: of closures that run in its worker; those of two drivers are different attempts.
  std::map<std::pair<std::string, AttemptId>, JsonText> closure_outputs_;
  std::map<std::pair<std::string, AttemptId>, JsonText> probe_outputs_;
};

}  // namespace agentcmd::simulation
