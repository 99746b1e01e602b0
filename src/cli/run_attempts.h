#pragma once
// The attempts of each step of a run: when, how they ended and why. A fold over the events, in
// order.

#include "history/event.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::cli {

struct AttemptFacts {
  std::uint32_t number = 1;
  std::string outcome = "running";  // or completed, failed, timed_out, cancelled, lost
  std::string cause;                // for people; empty where it went well
  Time started_at;
  std::optional<Time> ended_at;
  std::optional<Time> retry_at;  // when the next attempt is due
};

class RunAttempts {
 public:
  void apply(const history::Event& event);

  // In their order; empty for a step that has not begun.
  const std::vector<AttemptFacts>& of(const history::StepKey& step) const;

 private:
  AttemptFacts* last(const history::StepKey& step);
  void end(const history::StepKey& step, Time at, std::string outcome, std::string cause);

  std::map<history::StepKey, std::vector<AttemptFacts>> attempts_;
};

// `logs` is the run's folder for them; an attempt without files of its own has none to name.
Json to_json(const AttemptFacts& attempt, const history::StepKey& step,
             const std::filesystem::path& logs);

// "attempt 1  failed after 1.2 s, tried again: no route".
std::string describe(const AttemptFacts& attempt);

}  // namespace agentcmd::cli
