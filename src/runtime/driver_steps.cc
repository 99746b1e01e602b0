#include "runtime/driver_steps.h"

#include "runtime/run_actor.h"

#include <algorithm>
#include <array>

namespace agentcmd::runtime {
namespace {

using steps::OnLost;
using steps::Outcome;
using steps::Step;
using steps::StepHost;
using steps::StepType;

Task<Outcome> send_events(StepHost& host, Step step, StopSource&) {
  return static_cast<RunActor&>(host).send_events(std::move(step));
}

Task<Outcome> invoke(StepHost& host, Step step, StopSource& stop) {
  return static_cast<RunActor&>(host).invoke(std::move(step), stop);
}

// Neither is ever lost: what they have done is looked up.
constexpr std::array types{
    StepType{.name = "sendEvent",
             .run = send_events,
             .timeout = {},
             .on_lost = OnLost::retry,
             .slot = StepType::Slot::none},
    StepType{.name = "invoke",
             .run = invoke,
             .timeout = {},
             .on_lost = OnLost::retry,
             .slot = StepType::Slot::none},
};

}  // namespace

const StepType* find_driver_step(std::string_view name) {
  const auto found = std::ranges::find(types, name, &StepType::name);
  return found == types.end() ? nullptr : &*found;
}

}  // namespace agentcmd::runtime
