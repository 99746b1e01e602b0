#pragma once
// Claude Code's control protocol: stream-json both ways, with control requests of either side
// (2.1.197).

#include "agents/agent.h"
#include "agents/dialogue.h"

#include <memory>

namespace agentcmd::agents {

std::unique_ptr<Dialogue> claude_dialogue(const AgentRequest& request);

}  // namespace agentcmd::agents
