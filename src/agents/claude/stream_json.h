#pragma once
// One line of Claude Code's stream-json output (2.1.197; the scripted agent speaks it too). Kinds
// that are not known pass through as Other, since each version adds some.

#include "agents/transcript.h"

#include <string_view>
#include <vector>

namespace agentcmd::agents {

// Never fails: what cannot be read is Other.
std::vector<AgentEvent> parse_stream_json(std::string_view line);

}  // namespace agentcmd::agents
