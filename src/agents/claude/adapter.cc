#include "agents/claude/adapter.h"

#include "base/text.h"
#include "process/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace agentcmd::agents {
namespace {

constexpr std::array<std::string_view, 6> permission_modes{
    "acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "plan"};

std::string value_of(const std::map<std::string, std::string>& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

Result<std::string> find_claude(const AgentRequest& request) {
  const auto named = value_of(request.env, "CLAUDE_CLI_PATH");
  if (!named.empty()) {
    if (::access(named.c_str(), X_OK) == 0) return named;
    return fail(
        ErrorCode::not_found,
        fmt::format("CLAUDE_CLI_PATH is {}, which is not an executable file", shell_quoted(named)));
  }
  const auto found = process::find_program("claude", value_of(request.env, "PATH"));
  if (found) return found->string();
  return fail(ErrorCode::not_found,
              "Claude Code is not installed: there is no `claude` in PATH. Install it with "
              "`npm install -g @anthropic-ai/claude-code`, or name it by CLAUDE_CLI_PATH");
}

Result<std::string> permission_mode(const AgentRequest& request) {
  const auto mode = request.permission_mode.empty() ? "acceptEdits" : request.permission_mode;
  if (std::ranges::find(permission_modes, mode) == permission_modes.end()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("claude has no permission mode \"{}\"; it has {}", mode,
                            fmt::join(permission_modes, ", ")));
  }
  // The CLI refuses it by itself, with a message that names another option than the user's.
  if (mode == "bypassPermissions" && ::geteuid() == 0 &&
      value_of(request.env, "IS_SANDBOX") != "1") {
    return fail(ErrorCode::failed_precondition,
                "claude refuses permissionMode \"bypassPermissions\" as root. Run as an ordinary "
                "user, choose another mode, or set IS_SANDBOX=1 where the machine is a sandbox");
  }
  return mode;
}

void add_list(std::vector<std::string>& argv, const char* option,
              const std::vector<std::string>& values) {
  if (!values.empty()) argv.push_back(fmt::format("{}={}", option, join(values, ",")));
}

std::map<std::string, std::string> claude_environment(const AgentRequest& request) {
  auto env = request.env;
  // Set when agentcmd itself was started from within Claude Code, which refuses to nest.
  env.erase("CLAUDECODE");
  env.erase("CLAUDE_CODE_ENTRYPOINT");
  env.try_emplace("DISABLE_AUTOUPDATER", "1");
  // Also leaves out a billed request for a title.
  env.try_emplace("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
  return env;
}

}  // namespace

Result<AgentCommand> claude_command(const AgentRequest& request) {
  auto program = find_claude(request);
  if (!program) return tl::unexpected(program.error());
  auto mode = permission_mode(request);
  if (!mode) return tl::unexpected(mode.error());

  AgentCommand command;
  auto& argv = command.argv;
  argv = {*program,
          "-p",
          "--output-format=stream-json",
          "--input-format=stream-json",
          "--verbose",
          "--permission-prompt-tool=stdio"};
  if (!request.forked_from.empty()) {
    argv.push_back("--resume=" + request.forked_from);
    argv.push_back("--fork-session");
  }
  const bool goes_on = request.resume && request.forked_from.empty();
  argv.push_back(fmt::format("{}={}", goes_on ? "--resume" : "--session-id", request.session_id));
  argv.push_back("--permission-mode=" + *mode);
  if (!request.model.empty()) argv.push_back("--model=" + request.model);
  if (!request.append_system_prompt.empty()) {
    argv.push_back("--append-system-prompt=" + request.append_system_prompt);
  }
  for (const auto& config : request.mcp_config) argv.push_back("--mcp-config=" + config);
  add_list(argv, "--allowedTools", request.allowed_tools);
  add_list(argv, "--disallowedTools", request.disallowed_tools);
  if (request.max_turns > 0) argv.push_back(fmt::format("--max-turns={}", request.max_turns));
  command.env = claude_environment(request);
  return command;
}

bool claude_session_exists(const AgentRequest& request) {
  namespace fs = std::filesystem;
  const auto named = value_of(request.env, "CLAUDE_CONFIG_DIR");
  const fs::path config =
      named.empty() ? fs::path(value_of(request.env, "HOME")) / ".claude" : fs::path(named);
  std::error_code error;
  for (fs::directory_iterator folder(config / "projects", error), end; !error && folder != end;
       folder.increment(error)) {
    std::error_code ignored;
    if (fs::exists(folder->path() / (request.session_id + ".jsonl"), ignored)) return true;
  }
  return false;
}

}  // namespace agentcmd::agents
