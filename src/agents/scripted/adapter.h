#pragma once
// The agent that plays a file: for demos, tests and dry runs without a key. It runs as a supervised
// process like any other (agentcmd-scripted-agent), so that it survives us and is resumed as a real
// one.
//
//   [{"match": {"step"?: "id", "prompt"?: "regular expression"},
//     "do": [{"write": {"path", "content"}} | {"say": text} | {"delayMs": n} |
//            {"reply": text or JSON} | {"usage": {"inputTokens", "outputTokens", "costUsd"}} |
//            {"exit": code}]}]
//
// The first rule that matches is played; without one it replies "OK", or "{}" where JSON is asked.

#include "agents/agent.h"

#include <string>
#include <string_view>

namespace agentcmd::agents {

Result<AgentCommand> scripted_command(const AgentRequest& request);
bool scripted_session_exists(const AgentRequest& request);

// The "do" list of the first rule that matches, or an empty list. invalid_argument with line and
// column, or the rule's number, for a script that is not in the format above; `source` names it.
Result<Json> choose_actions(std::string_view script, std::string_view source,
                            const std::string& step, const std::string& prompt);

// Whether choose_actions() could play it.
Result<void> check_script(std::string_view script, std::string_view source);

}  // namespace agentcmd::agents
