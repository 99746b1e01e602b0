#pragma once
// The agents that workflows drive, as doctor sees them: installed or not, in which version, and
// whether somebody is logged in. Nothing secret is read: that there is a key or a log-in file is
// all that is looked for.

#include "runtime/surroundings.h"
#include "store/verify.h"

#include <map>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct AgentState {
  std::string name;     // of the adapter and of the program
  std::string path;     // of the program; empty: it is not installed
  std::string version;  // "2.1.197"; empty: not said
  std::string tried;    // the version that agentcmd was tried with
  std::string login;    // how it is logged in: a variable or a file; empty: not
};

// `tools` has what each program says of its version, `env` is the environment of host steps.
std::vector<AgentState> examine_agents(const std::vector<Tool>& tools,
                                       const std::map<std::string, std::string>& env);

// What to do about them; all of it is good to know only, since no run need use an agent.
std::vector<store::Finding> findings_about(const std::vector<AgentState>& agents);

// "2.1.197" in "2.1.197 (Claude Code)"; empty where there is no version.
std::string version_in(std::string_view said);

// Of two such versions, whether the first is the later one.
bool is_newer(std::string_view version, std::string_view than);

}  // namespace agentcmd::runtime
