#include "steps/step_types.h"

#include <array>

namespace agentcmd::steps {
namespace {

using namespace std::chrono_literals;
using Slot = StepType::Slot;

constexpr std::array types{
    StepType{"cli", run_cli_step, 5min, OnLost::ask, Slot::command},
    StepType{"agent", run_agent_step, 30min, OnLost::resume, Slot::agent},
    StepType{"ai", run_ai_step, 5min, OnLost::retry, Slot::none},
    StepType{"git", run_git_step, 2min, OnLost::probe, Slot::command},
    StepType{"artifact", run_artifact_step, 5min, OnLost::retry, Slot::none},
    StepType{"setupWorkspace", run_setup_workspace_step, 10min, OnLost::retry, Slot::none,
             look_at_setup_workspace_step},
    StepType{"finalizeWorkspace", run_finalize_workspace_step, 10min, OnLost::retry, Slot::none,
             look_at_finalize_workspace_step},
    StepType{"cleanupWorkspace", run_finalize_workspace_step, 10min, OnLost::retry, Slot::none},
};

}  // namespace

const StepType* find_step_type(std::string_view name) {
  for (const auto& type : types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace agentcmd::steps
