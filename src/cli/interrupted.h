#pragma once
// Runs that nobody executes although they have not ended and wait for no person: their driver is
// gone.

#include "async/task.h"
#include "cli/services.h"
#include "store/catalog.h"

namespace agentcmd::cli {

bool is_interrupted(const Services& services, const store::RunRow& run);

// One line on stderr, if there are any.
Task<> mention_interrupted(Services& services);

}  // namespace agentcmd::cli
