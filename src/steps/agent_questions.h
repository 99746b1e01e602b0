#pragma once
// How an agent's question is put to people, and what their answer means to the agent.

#include "agents/dialogue.h"
#include "history/event.h"

#include <filesystem>
#include <string>

namespace agentcmd::steps {

// As GateOpened shows it: title, body, options and what is asked about.
Json gate_of_question(const agents::AgentQuestion& question, std::string_view agent,
                      const std::filesystem::path& cwd);

agents::AgentAnswer answer_of(const agents::AgentQuestion& question,
                              const history::GateDecided& decision);

}  // namespace agentcmd::steps
