#pragma once
// Claude Code in its one-shot form: `claude -p` with stream-json output.

#include "agents/agent.h"

namespace agentcmd::agents {

Result<AgentCommand> claude_command(const AgentRequest& request);
bool claude_session_exists(const AgentRequest& request);

}  // namespace agentcmd::agents
