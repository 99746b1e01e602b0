#include "runtime/agent_checkup.h"

#include "process/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <span>
#include <string_view>

namespace agentcmd::runtime {
namespace {

namespace fs = std::filesystem;
using store::Finding;
using store::Severity;

struct KnownAgent {
  std::string_view name;
  std::string_view tried;
  std::string_view package;              // of npm
  std::array<std::string_view, 5> keys;  // variables that log in
  std::string_view home_variable;        // where its configuration is
  std::string_view home;                 // below the user's home, where that is not set
  std::string_view login_file;           // in it
  std::string_view log_in;               // what to do
};

constexpr std::array known_agents{
    KnownAgent{.name = "claude",
               .tried = "2.1.197",
               .package = "@anthropic-ai/claude-code",
               .keys = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN",
                        "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"},
               .home_variable = "CLAUDE_CONFIG_DIR",
               .home = ".claude",
               .login_file = ".credentials.json",
               .log_in = "start claude once and use /login, or set ANTHROPIC_API_KEY"},
    KnownAgent{.name = "codex",
               .tried = "0.169.0",
               .package = "@openai/codex",
               .keys = {"OPENAI_API_KEY", "CODEX_API_KEY"},
               .home_variable = "CODEX_HOME",
               .home = ".codex",
               .login_file = "auth.json",
               .log_in = "codex login, or set OPENAI_API_KEY"},
    KnownAgent{.name = "gemini",
               .tried = "0.61.0",
               .package = "@google/gemini-cli",
               .keys = {"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"},
               .home_variable = "GEMINI_CLI_HOME",
               .home = ".gemini",
               .login_file = "oauth_creds.json",
               .log_in = "start gemini once and log in, or set GEMINI_API_KEY"},
};

using Environment = std::map<std::string, std::string>;

std::string value_of(const Environment& env, std::string_view name) {
  const auto found = env.find(std::string(name));
  return found == env.end() ? "" : found->second;
}

std::string login_of(const KnownAgent& agent, const Environment& env) {
  for (const auto& key : agent.keys) {
    if (!key.empty() && !value_of(env, key).empty()) return std::string(key);
  }
  fs::path folder = value_of(env, agent.home_variable);
  if (folder.empty()) folder = fs::path(value_of(env, "HOME")) / agent.home;
  std::error_code error;
  const auto file = folder / agent.login_file;
  const bool has_content = fs::is_regular_file(file, error) && fs::file_size(file, error) > 0;
  return has_content && !error ? file.string() : "";
}

const KnownAgent& known(const AgentState& agent) {
  return *std::ranges::find(known_agents, agent.name, &KnownAgent::name);
}

std::array<int, 3> parts_of(std::string_view version) {
  std::array<int, 3> parts{};
  const char* at = version.data();
  const char* end = at + version.size();
  for (auto& part : parts) {
    at = std::from_chars(at, end, part).ptr;
    if (at == end || *at != '.') break;
    ++at;
  }
  return parts;
}

void judge_version(const AgentState& agent, std::vector<Finding>& findings) {
  if (agent.version.empty()) {
    findings.push_back({.check = "agents",
                        .severity = Severity::note,
                        .what = fmt::format("{} does not say which version it is", agent.path),
                        .meaning = "it may be broken, or something else of that name",
                        .action = fmt::format("see what {} --version says", agent.name)});
  } else if (is_newer(agent.version, agent.tried)) {
    findings.push_back(
        {.check = "agents",
         .severity = Severity::note,
         .what = fmt::format("{} {} is newer than {}, which agentcmd was tried with", agent.name,
                             agent.version, agent.tried),
         .meaning = "what it prints may have changed; agent steps that behave oddly may be due to "
                    "that",
         .action = fmt::format("upgrade agentcmd, or npm install -g {}@{}", known(agent).package,
                               agent.tried)});
  } else if (is_newer(agent.tried, agent.version)) {
    findings.push_back({.check = "agents",
                        .severity = Severity::note,
                        .what = fmt::format("{} {} is older than {}, which agentcmd was tried with",
                                            agent.name, agent.version, agent.tried),
                        .meaning = "it may lack options that agent steps use",
                        .action = fmt::format("npm install -g {}", known(agent).package)});
  }
}

}  // namespace

std::vector<AgentState> examine_agents(const std::vector<Tool>& tools, const Environment& env) {
  std::vector<AgentState> agents;
  for (const auto& one : known_agents) {
    AgentState agent{.name = std::string(one.name), .tried = std::string(one.tried)};
    agent.path = process::find_program(agent.name, value_of(env, "PATH")).value_or("").string();
    const auto tool = std::ranges::find(tools, agent.name, &Tool::name);
    if (tool != tools.end()) agent.version = version_in(tool->version);
    agent.login = login_of(one, env);
    agents.push_back(std::move(agent));
  }
  return agents;
}

std::vector<Finding> findings_about(const std::vector<AgentState>& agents) {
  std::vector<Finding> findings;
  for (const auto& agent : agents) {
    if (agent.path.empty()) continue;
    judge_version(agent, findings);
    if (!agent.login.empty()) continue;
    findings.push_back({.check = "agents",
                        .severity = Severity::note,
                        .what = fmt::format("{} is installed, and nobody is logged in", agent.name),
                        .meaning = fmt::format("steps of the agent {} fail", agent.name),
                        .action = std::string(known(agent).log_in)});
  }
  return findings;
}

std::string version_in(std::string_view said) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t from = 0; from < said.size(); ++from) {
    if (!is_digit(said[from])) continue;
    auto to = from;
    while (to < said.size() && (is_digit(said[to]) || said[to] == '.')) ++to;
    const auto found = said.substr(from, to - from);
    if (found.contains('.') && found.back() != '.') return std::string(found);
    from = to;
  }
  return {};
}

bool is_newer(std::string_view version, std::string_view than) {
  return parts_of(version) > parts_of(than);
}

}  // namespace agentcmd::runtime
