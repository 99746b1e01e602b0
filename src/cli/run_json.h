#pragma once
// Runs and steps as JSON documents: what `runs list --json` and `runs show --json` print.

#include "cli/run_facts.h"
#include "store/catalog.h"

#include <vector>

namespace agentcmd::cli {

Json to_json(const store::RunRow& run, bool interrupted);
Json to_json(const store::StepRow& step);

// The whole of it: the row, its steps, its retries and forks, and what the history says of its end.
Json run_document(const store::RunRow& run, bool interrupted,
                  const std::vector<store::StepRow>& steps, const std::vector<store::RunRow>& forks,
                  const RunFacts& facts);

}  // namespace agentcmd::cli
