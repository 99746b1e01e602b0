#pragma once
// What this command asks of the process that executes a run.

#include "async/task.h"
#include "cli/services.h"
#include "store/catalog.h"

#include <string>

namespace agentcmd::cli {

enum class Asked {
  carried_out,  // and recorded
  kept,         // nobody executes the run: it is carried out when somebody does
  late,         // a process does, and has not taken it within the time that we wait
};

// Records the request, wakes the run's driver and waits until it has carried it out. `kind` and
// `data`: store/requests.h.
Task<Asked> ask_driver(Services& services, history::RunId run, std::string kind, Json data);

// Only records it and wakes the driver: for one in this process.
Task<std::uint64_t> post_request(Services& services, history::RunId run, std::string kind,
                                 Json data);

// Who asks: the name of the user of the operating system.
std::string user_name();

}  // namespace agentcmd::cli
