#pragma once
// Claude Code: `claude -p` with stream-json both ways (dialogue.h).

#include "agents/agent.h"

namespace agentcmd::agents {

Result<AgentCommand> claude_command(const AgentRequest& request);
bool claude_session_exists(const AgentRequest& request);

}  // namespace agentcmd::agents
