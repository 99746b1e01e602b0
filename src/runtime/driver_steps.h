#pragma once
// The step types that a run's driver performs itself, since they are about other runs: sendEvent
// and invoke. All others do something to the world and are in steps/.

#include "steps/step.h"

#include <string_view>

namespace agentcmd::runtime {

// nullptr for any other type. Precondition of its `run`: the host is a RunActor.
const steps::StepType* find_driver_step(std::string_view name);

}  // namespace agentcmd::runtime
