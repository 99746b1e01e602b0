#pragma once
// A run that was started by somebody else with the same idempotency key: it is watched to its end,
// as if it had been started here.

#include "async/task.h"
#include "cli/run_view.h"
#include "cli/services.h"

namespace agentcmd::cli {

// Waits until the run has ended, is paused or is executed by nobody; how to exit.
Task<int> watch_same_run(Services& services, RunView& view, history::RunId run);

}  // namespace agentcmd::cli
