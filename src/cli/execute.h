#pragma once
// Executes one run in this process, with the signals that a terminal sends.

#include "async/task.h"
#include "cli/run_view.h"
#include "cli/services.h"

namespace agentcmd::cli {

// Drives the run to its end, pause, or a signal:
//   SIGINT   takes back the question where a gate is asked, and leaves the run waiting; else it
//            cancels with clean-up; a second one leaves the run as it is, resumable
//   SIGTERM  leaves the run as it is
//   SIGHUP   detaches: goes on, and writes to the run's log
// Returns how to exit. The view has been told the ending.
Task<int> execute_run(Services& services, runtime::Driver& driver, RunView& view,
                      history::RunId run, bool resume);

}  // namespace agentcmd::cli
