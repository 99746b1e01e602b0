#pragma once
// The functions behind the rows of registry.cc.

#include "steps/step.h"

namespace agentcmd::steps {

Task<Outcome> run_cli_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_agent_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_ai_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_git_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_artifact_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_setup_workspace_step(StepHost& host, Step step, StopSource& stop);
Task<Outcome> run_finalize_workspace_step(StepHost& host, Step step, StopSource& stop);

std::optional<Outcome> look_at_setup_workspace_step(const Step& step);
std::optional<Outcome> look_at_finalize_workspace_step(const Step& step);

}  // namespace agentcmd::steps
