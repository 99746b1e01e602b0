#include "agents/scripted/adapter.h"

#include <boost/regex.hpp>
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>

namespace agentcmd::agents {
namespace {

constexpr std::array<std::string_view, 6> known_actions{"write", "say",   "delayMs",
                                                        "reply", "usage", "exit"};

tl::unexpected<Error> bad_rule(std::string_view source, std::size_t rule, std::string problem) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{}: rule {}: {}", source, rule + 1, problem));
}

bool is_whole_number(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 0;
}

// What is wrong with an action; empty when nothing is.
std::string problem_of(const Json& action) {
  if (!action.is_object() || action.size() != 1) {
    return "an action is an object with one member";
  }
  const auto& name = action.begin().key();
  const auto& value = action.begin().value();
  if (std::ranges::find(known_actions, name) == known_actions.end()) {
    return fmt::format("\"{}\" is not an action; there are {}", name,
                       fmt::join(known_actions, ", "));
  }
  if (name == "write" && (string_or(value, "path").empty() || !value.contains("content") ||
                          !value["content"].is_string())) {
    return "\"write\" needs a path and a content, both texts";
  }
  if (name == "say" && !value.is_string()) return "\"say\" is a text";
  if (name == "delayMs" && !is_whole_number(value))
    return "\"delayMs\" is a number of milliseconds";
  if (name == "exit" && !is_whole_number(value)) return "\"exit\" is an exit code";
  if (name == "usage" && !value.is_object()) return "\"usage\" is an object";
  return {};
}

Result<void> check_rule(std::string_view source, std::size_t number, const Json& rule) {
  if (!rule.is_object() || !rule.contains("do") || !rule["do"].is_array()) {
    return bad_rule(source, number, "a rule is an object with a list \"do\"");
  }
  std::size_t action_number = 1;
  for (const auto& action : rule["do"]) {
    if (const auto problem = problem_of(action); !problem.empty()) {
      return bad_rule(source, number, fmt::format("action {}: {}", action_number, problem));
    }
    ++action_number;
  }
  if (!rule.contains("match")) return {};
  const auto& match = rule["match"];
  if (!match.is_object()) return bad_rule(source, number, "\"match\" is an object");
  for (const auto& [name, value] : match.items()) {
    if ((name != "step" && name != "prompt") || !value.is_string()) {
      return bad_rule(source, number, "\"match\" has the texts \"step\" and \"prompt\", no other");
    }
  }
  return {};
}

// Boost's matcher does not recurse, so that a long prompt cannot exhaust the stack.
Result<bool> matches(std::string_view source, std::size_t number, const Json& rule,
                     const std::string& step, const std::string& prompt) {
  if (!rule.contains("match")) return true;
  const auto& match = rule["match"];
  if (match.contains("step") && match["step"].get<std::string>() != step) return false;
  if (!match.contains("prompt")) return true;
  try {
    return boost::regex_search(prompt, boost::regex(match["prompt"].get<std::string>()));
  } catch (const std::runtime_error& error) {  // the library has no form that does not throw
    return bad_rule(source, number,
                    fmt::format("\"prompt\" is not a usable regular expression: {}", error.what()));
  }
}

struct ScriptFile {
  std::string source;
  std::string text;
};

Result<ScriptFile> read_script(const AgentRequest& request) {
  namespace fs = std::filesystem;
  fs::path file = request.script;
  if (file.empty()) {
    const auto named = request.env.find("AGENTCMD_SCRIPT");
    if (named != request.env.end()) file = named->second;
  }
  const bool by_default = file.empty();
  if (by_default) file = ".agent/scripted.json";
  if (file.is_relative()) file = request.project / file;

  std::ifstream in(file, std::ios::binary);
  if (!in && by_default) return ScriptFile{.source = file.string(), .text = "[]"};
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) {
    return fail(ErrorCode::not_found,
                fmt::format("the script of the scripted agent cannot be read: {}", file.string()));
  }
  return ScriptFile{.source = file.string(), .text = text.str()};
}

}  // namespace

namespace {

// So that its prompt is looked at for any step.
Json without_step(Json rule) {
  if (rule.contains("match")) rule["match"].erase("step");
  return rule;
}

Result<Json> rules_of(std::string_view script, std::string_view source) {
  auto rules = parse_json(script, source);
  if (!rules) return tl::unexpected(rules.error());
  if (!rules->is_array()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: is not a list of rules", source));
  }
  for (std::size_t number = 0; number < rules->size(); ++number) {
    auto checked = check_rule(source, number, (*rules)[number]);
    if (!checked) return tl::unexpected(checked.error());
  }
  return rules;
}

}  // namespace

Result<void> check_script(std::string_view script, std::string_view source) {
  const auto rules = rules_of(script, source);
  if (!rules) return tl::unexpected(rules.error());
  for (std::size_t number = 0; number < rules->size(); ++number) {
    const auto usable = matches(source, number, without_step((*rules)[number]), {}, {});
    if (!usable) return tl::unexpected(usable.error());
  }
  return {};
}

Result<Json> choose_actions(std::string_view script, std::string_view source,
                            const std::string& step, const std::string& prompt) {
  const auto rules = rules_of(script, source);
  if (!rules) return tl::unexpected(rules.error());
  for (std::size_t number = 0; number < rules->size(); ++number) {
    const auto& rule = (*rules)[number];
    const auto matched = matches(source, number, rule, step, prompt);
    if (!matched) return tl::unexpected(matched.error());
    if (*matched) return rule["do"];
  }
  return Json::array();
}

Result<AgentCommand> scripted_command(const AgentRequest& request) {
  const auto script = read_script(request);
  if (!script) return tl::unexpected(script.error());
  auto actions = choose_actions(script->text, script->source, request.step, request.prompt);
  if (!actions) return tl::unexpected(actions.error());

  const Json part{
      {"session", request.session_id}, {"json", request.json}, {"do", std::move(*actions)}};
  AgentCommand command;
  command.argv = {(request.libexec / "agentcmd-scripted-agent").string()};
  command.env = request.env;
  command.input = to_text(part);
  return command;
}

// It has no memory: a resumed session plays its rule again.
bool scripted_session_exists(const AgentRequest&) {
  return true;
}

}  // namespace agentcmd::agents
