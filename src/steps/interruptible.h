#pragma once
// For steps that no supervisor watches (git, artifacts, workspaces): they end early when they are
// asked to stop or their time is over, and the commands that they run end with them.

#include "async/stop.h"
#include "steps/step.h"

#include <chrono>
#include <string>

namespace agentcmd::steps {

// `what` begins the message of the timeout: "git commit". Work that was cut short has ended when
// this returns; what it ran on the pool goes on to its own end.
Task<Outcome> interruptible(Task<Outcome> work, StopSource& stop, std::chrono::milliseconds timeout,
                            std::string what);

}  // namespace agentcmd::steps
