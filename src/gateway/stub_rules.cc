#include "gateway/stub_rules.h"

#include <boost/regex.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace agentcmd::gateway {
namespace {

using Captures = std::array<std::string, 10>;

bool is_text(const Json& value) {
  return value.is_string();
}
bool is_count(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 0;
}
bool is_flag(const Json& value) {
  return value.is_boolean();
}
bool is_object(const Json& value) {
  return value.is_object();
}
bool is_anything(const Json&) {
  return true;
}
bool is_api(const Json& value) {
  return value == "messages" || value == "responses" || value == "chat";
}
bool is_status(const Json& value) {
  return value.is_number_integer() && value >= 400 && value <= 599;
}
bool is_cut(const Json& value) {
  return value == true || value == "utf8";
}
bool is_tool(const Json& value) {
  return !string_or(value, "name").empty() && value.contains("input");
}
bool is_file(const Json& value) {
  return !string_or(value, "path").empty() && value.contains("content") &&
         value["content"].is_string();
}
bool is_repeat(const Json& value) {
  return !string_or(value, "text").empty() && int_or(value, "count") > 0;
}

struct Member {
  std::string_view name;
  bool (*fits)(const Json& value);
  std::string_view form;
};

constexpr std::array match_members{
    Member{"prompt", is_text, "a regular expression"},
    Member{"last", is_text, "a regular expression"},
    Member{"system", is_text, "a regular expression"},
    Member{"model", is_text, "a regular expression"},
    Member{"api", is_api, "messages, responses or chat"},
    Member{"afterTool", is_flag, "true or false"},
    Member{"toolResults", is_count, "a whole number"},
    Member{"key", is_text, "a text"},
    Member{"times", is_count, "a whole number"},
};

constexpr std::array action_members{
    Member{"say", is_text, "a text"},
    Member{"reply", is_anything, "JSON"},
    Member{"tool", is_tool, "an object with a name and an input"},
    Member{"write", is_file, "an object with a path and a content, both texts"},
    Member{"run", is_text, "a command"},
    Member{"repeat", is_repeat, "an object with a text and a count"},
    Member{"delayMs", is_count, "a number of milliseconds"},
    Member{"hold", is_text, "the path of a file"},
    Member{"usage", is_object, "an object"},
    Member{"status", is_status, "a number from 400 to 599"},
    Member{"raw", is_text, "a text"},
    Member{"cut", is_cut, "true or \"utf8\""},
    Member{"hang", is_flag, "true"},
};

constexpr std::array status_members{
    Member{"message", is_text, "a text"},
    Member{"retryAfter", is_count, "a number of seconds"},
    Member{"resetIn", is_count, "a number of seconds"},
};

// What is wrong with the value of that member; nothing where it is all right.
template <std::size_t count>
std::optional<std::string> problem_in(const std::array<Member, count>& known,
                                      const std::string& name, const Json& value) {
  const auto found = std::ranges::find(known, name, &Member::name);
  if (found == known.end()) {
    std::string names;
    for (const auto& member : known) names += fmt::format(" \"{}\"", member.name);
    return fmt::format("\"{}\" is not known; there are{}", name, names);
  }
  if (!found->fits(value)) return fmt::format("\"{}\" is {}", name, found->form);
  return std::nullopt;
}

std::optional<std::string> problem_of_action(const Json& action) {
  if (!action.is_object() || action.empty()) return "an action is an object with one member";
  for (const auto& [name, value] : action.items()) {
    const bool is_detail = action.contains("status") && name != "status";
    const auto problem = is_detail ? problem_in(status_members, name, value)
                                   : problem_in(action_members, name, value);
    if (problem) return problem;
  }
  if (action.size() > 1 && !action.contains("status")) {
    return "an action is an object with one member";
  }
  return std::nullopt;
}

std::optional<std::string> problem_of_rule(const Json& rule) {
  if (!rule.is_object() || !rule.contains("do") || !rule["do"].is_array()) {
    return "a rule is an object with a list \"do\"";
  }
  if (rule.contains("match")) {
    if (!rule["match"].is_object()) return "\"match\" is an object";
    for (const auto& [name, value] : rule["match"].items()) {
      if (auto problem = problem_in(match_members, name, value)) return problem;
    }
  }
  for (const auto& action : rule["do"]) {
    if (auto problem = problem_of_action(action)) return problem;
  }
  return std::nullopt;
}

// Unset: matches everything.
std::optional<boost::regex> pattern_of(const Json& match, const char* name) {
  const auto text = string_or(match, name);
  if (text.empty()) return std::nullopt;
  return boost::regex(text);
}

bool is_found(const std::optional<boost::regex>& pattern, const std::string& text,
              Captures* captures = nullptr) {
  if (!pattern) return true;
  boost::smatch found;
  if (!boost::regex_search(text, found, *pattern)) return false;
  if (captures != nullptr) {
    for (std::size_t i = 0; i < std::min(found.size(), captures->size()); ++i) {
      (*captures)[i] = found[static_cast<int>(i)].str();
    }
  }
  return true;
}

std::string filled(const std::string& text, const Captures& captures) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_group =
        text[i] == '$' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9';
    if (is_group) {
      result += captures.at(static_cast<std::size_t>(text[++i] - '0'));
    } else {
      result += text[i];
    }
  }
  return result;
}

void fill(Json& value, const Captures& captures) {
  if (value.is_string()) {
    value = filled(value.get<std::string>(), captures);
  } else if (value.is_structured()) {
    for (auto& part : value) fill(part, captures);
  }
}

}  // namespace

struct StubRules::Rule {
  Json match;
  Json actions;
  std::optional<boost::regex> prompt;
  std::optional<boost::regex> last;
  std::optional<boost::regex> system;
  std::optional<boost::regex> model;
  std::int64_t played = 0;

  bool matches(const Asked& asked, std::string_view key, Captures& captures) const {
    if (match.contains("times") && played >= match["times"].get<std::int64_t>()) return false;
    if (match.contains("api") && match["api"] != to_string(asked.api)) return false;
    if (match.contains("key") && match["key"] != key) return false;
    if (match.contains("afterTool") && match["afterTool"] != asked.after_tool) return false;
    if (match.contains("toolResults") && match["toolResults"] != asked.tool_results) return false;
    return is_found(last, asked.last, &captures) && is_found(prompt, asked.prompts, &captures) &&
           is_found(system, asked.system) && is_found(model, asked.model);
  }
};

StubRules::StubRules() = default;
StubRules::~StubRules() = default;
StubRules::StubRules(StubRules&&) noexcept = default;
StubRules& StubRules::operator=(StubRules&&) noexcept = default;

Result<StubRules> StubRules::parse(std::string_view text, std::string_view source) {
  const auto json = parse_json(text, source);
  if (!json) return tl::unexpected(json.error());
  if (!json->is_array()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: expected a list of rules", source));
  }
  StubRules rules;
  for (const auto& given : *json) {
    const auto number = rules.rules_.size() + 1;
    if (const auto problem = problem_of_rule(given)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: rule {}: {}", source, number, *problem));
    }
    Rule rule;
    rule.match = given.contains("match") ? given["match"] : Json::object();
    rule.actions = given["do"];
    try {
      rule.prompt = pattern_of(rule.match, "prompt");
      rule.last = pattern_of(rule.match, "last");
      rule.system = pattern_of(rule.match, "system");
      rule.model = pattern_of(rule.match, "model");
    } catch (const boost::regex_error& error) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: rule {}: not a usable regular expression: {}", source, number,
                              error.what()));
    }
    rules.rules_.push_back(std::move(rule));
  }
  return rules;
}

Json StubRules::choose(const Asked& asked, std::string_view key) {
  for (auto& rule : rules_) {
    Captures captures;
    if (!rule.matches(asked, key, captures)) continue;
    ++rule.played;
    auto actions = rule.actions;
    fill(actions, captures);
    return actions;
  }
  return Json::array({{{"say", "stub reply"}}});
}

}  // namespace agentcmd::gateway
