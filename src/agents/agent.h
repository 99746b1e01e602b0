#pragma once
// One adapter per agent CLI: how it is started, how its output is read, and what its end means.
// Sessions are named by us before the process exists, so that a lost one can be resumed.

#include "agents/dialogue.h"
#include "agents/transcript.h"
#include "base/result.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::agents {

struct AgentRequest {
  std::string prompt;
  std::string session_id;  // a UUID
  bool resume = false;     // go on with that session instead of beginning it
  // With `resume`: a copy of that session, which is named `session_id`, goes on, and it stays as it
  // is.
  std::string forked_from;
  bool json = false;  // the reply is to be JSON
  std::string step;   // as the user wrote its id
  std::string permission_mode;
  std::string model;
  std::string append_system_prompt;
  std::vector<std::string> mcp_config;
  std::vector<std::string> allowed_tools;
  std::vector<std::string> disallowed_tools;
  std::int64_t max_turns = 0;  // 0: as many as it takes
  std::filesystem::path cwd;
  std::filesystem::path project;
  std::filesystem::path libexec;
  std::string script;                      // the file of "--agents scripted:FILE"
  std::map<std::string, std::string> env;  // of host steps
};

// What to run; the prompt always travels by stdin: argv is short, is seen by other users, and takes
// a leading dash for an option.
struct AgentCommand {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string input;  // of a CLI that is only told its prompt
};

struct Adapter {
  std::string_view name;
  // Errors are for the user: CLI not installed, an option that it does not have.
  Result<AgentCommand> (*command)(const AgentRequest& request);
  std::vector<AgentEvent> (*parse)(std::string_view line);
  // The conversation with a CLI that takes frames while it runs; none where it is only told its
  // prompt.
  std::unique_ptr<Dialogue> (*converse)(const AgentRequest& request);
  // "default", "plan", ...; what people are shown of the mode that it was not given.
  std::string_view default_mode;
  // Whether `session_id` was written down by the CLI, so that it can be resumed.
  bool (*session_exists)(const AgentRequest& request);
};

// Error names the agents there are.
Result<const Adapter*> find_adapter(std::string_view name);

// A random UUID (version 4), as the CLIs want their session ids.
std::string make_session_id();

}  // namespace agentcmd::agents
