#pragma once
// Answers to gates that were given while nobody drove the run, and that no process has taken yet.

#include "async/task.h"
#include "history/event.h"
#include "store/requests.h"

#include <map>
#include <string>

namespace agentcmd::cli {

// By gate: who has answered it.
Task<std::map<history::StepKey, std::string>> answered_gates(store::Requests& requests,
                                                             history::RunId run);

}  // namespace agentcmd::cli
