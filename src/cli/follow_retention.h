#pragma once
// The retention of the configuration, followed by itself: after a run, at most once a day. Without
// one in the configuration nothing happens. What it comes to is no concern of the run's: a failure
// is logged, and the next day tries again.

#include "async/task.h"
#include "cli/services.h"

namespace agentcmd::cli {

Task<> follow_retention(Services& services);

}  // namespace agentcmd::cli
