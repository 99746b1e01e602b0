#pragma once
// Rules that answer an agent's questions in place of a person, written as Claude Code writes them:
//   "Read"                      the tool, whatever it is given
//   "Bash(npm test)"            this very command
//   "Bash(npm test:*)"          a command that begins with these words, and is one command
//   "Edit(src/**)"              a file; relative to the agent's working directory
//   "WebFetch(domain:a.com)"    an address of that host
//   "mcp__server"               all tools of an MCP server; "mcp__server__tool" one of them

#include "base/json.h"
#include "base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::agents {

// invalid_argument names the rule and what is wrong with it.
Result<void> check_rule(const std::string& rule);

// The first rule that allows the call, or nothing.
const std::string* allowing_rule(const std::vector<std::string>& rules, const std::string& tool,
                                 const Json& input, const std::filesystem::path& cwd);

// What "allow for the run" means for such a call: as narrow as it can be and still spare the next
// question.
std::string rule_for(const std::string& tool, const Json& input);

}  // namespace agentcmd::agents
