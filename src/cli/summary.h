#pragma once
// How a run ended, for people: outcome, result, what became of the workspace, and what to type
// next. Pure.

#include "cli/run_facts.h"
#include "cli/style.h"
#include "store/catalog.h"

#include <string>
#include <vector>

namespace agentcmd::cli {

struct Ending {
  history::RunId run;
  store::RunStatus status = store::RunStatus::failed;
  std::string message;       // why failed or paused
  bool interrupted = false;  // left as it is, by a signal
};

std::vector<std::string> summary(const Ending& ending, const RunFacts& facts, const Style& style);

// The command that merges the run's branch into what is checked out; empty where there is none.
std::string merge_command(const RunFacts& facts);

// "3 files changed, 10 insertions(+)"; empty without changes.
std::string diffstat_of(const RunFacts& facts);

}  // namespace agentcmd::cli
