#pragma once
// Two runs beside each other: what they were asked for, what their steps were given and gave, what
// came of them. Pure, of two histories; the files are compared by git (fork.h: last_snapshot).

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace agentcmd::runtime {

// A step, wait, gate or timer of one of them.
struct StepFacts {
  std::string key;
  std::string type;
  std::string status;     // "completed", "failed", "timed out", "cancelled", "lost", "open"
  bool success = true;    // of a completed one
  bool imported = false;  // taken from a former run
  JsonText input;
  JsonText output;  // empty text until completed
  std::string error;
  std::optional<Milliseconds>
      duration;                    // of the last attempt, when it has ended and was not imported
  std::optional<double> cost_usd;  // of an agent that says so
};

struct StepDifference {
  enum class Kind { only_in_a, only_in_b, input, result, both };  // both: input and result
  Kind kind;
  std::optional<StepFacts> a;
  std::optional<StepFacts> b;
};

struct RunSide {
  std::string id;
  std::string definition;
  std::string code_hash;
  std::string project;
  std::string status;  // "completed", "failed", "cancelled", or "not ended"
  JsonText args;
  JsonText result;    // empty text unless completed
  std::string error;  // of a failed one
  std::optional<Milliseconds> duration;
  std::optional<double> cost_usd;  // of all agents that say so
};

struct RunDiff {
  RunSide a;
  RunSide b;
  // Members of the arguments whose values differ, with both values ("" where there is none).
  struct Argument {
    std::string name;
    std::string a;
    std::string b;
  };
  std::vector<Argument> args;
  bool same_result = false;
  std::size_t same_steps = 0;
  std::vector<StepDifference> steps;  // in the order of A, then those only in B
  // Steps that are in both and took different times, or cost differently.
  struct Cost {
    StepFacts a;
    StepFacts b;
  };
  std::vector<Cost> costs;
};

std::string_view to_string(StepDifference::Kind kind);

// Results are compared by what they say (`success`, `data`, `error`), not by how long it took.
// Steps that belong to the workspace of a run are left out.
RunDiff compare_runs(const history::RunId& a, std::span<const history::Event> of_a,
                     const history::RunId& b, std::span<const history::Event> of_b);

}  // namespace agentcmd::runtime
