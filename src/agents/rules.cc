#include "agents/rules.h"

#include "base/text.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <optional>

namespace agentcmd::agents {
namespace {

constexpr std::string_view any_end = ":*";
constexpr std::string_view domain_word = "domain:";
constexpr std::array path_members{"file_path", "notebook_path", "path"};

struct Rule {
  std::string_view tool;
  std::optional<std::string_view> what;  // in parentheses
};

std::optional<Rule> parse(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos) return Rule{.tool = text, .what = std::nullopt};
  if (open == 0 || text.back() != ')' || open + 2 >= text.size()) return std::nullopt;
  return Rule{.tool = text.substr(0, open), .what = text.substr(open + 1, text.size() - open - 2)};
}

// A shell reads it as one command that runs what its first words say. What cannot be told by
// looking is asked about.
bool is_one_command(std::string_view command) {
  return command.find_first_of(";&|<>`$\n\r(){}\\!") == std::string_view::npos;
}

bool fits_command(std::string_view what, std::string_view command) {
  command = trim(command);
  if (!what.ends_with(any_end)) return command == what;
  const auto words = what.substr(0, what.size() - any_end.size());
  if (!is_one_command(command) || !command.starts_with(words)) return false;
  return command.size() == words.size() || command[words.size()] == ' ';
}

bool fits_path(const std::string& pattern, const std::string& path,
               const std::filesystem::path& cwd) {
  const auto whole = (cwd / path).lexically_normal();
  const auto wanted = pattern.starts_with('/') ? std::filesystem::path(pattern) : cwd / pattern;
  return ::fnmatch(wanted.lexically_normal().c_str(), whole.c_str(), FNM_NOESCAPE) == 0;
}

std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  auto host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.contains('@')) return {};  // made to mislead
  return host.substr(0, host.find(':'));
}

bool fits(std::string_view what, const Json& input, const std::filesystem::path& cwd) {
  if (what.starts_with(domain_word)) {
    return host_of(string_or(input, "url")) == what.substr(domain_word.size());
  }
  if (const auto command = string_or(input, "command"); !command.empty()) {
    return fits_command(what, command);
  }
  for (const auto* member : path_members) {
    const auto path = string_or(input, member);
    if (!path.empty()) return fits_path(std::string(what), path, cwd);
  }
  return false;
}

bool names(std::string_view rule_tool, std::string_view tool) {
  constexpr std::string_view mcp = "mcp__";
  if (rule_tool == tool) return true;
  return rule_tool.starts_with(mcp) && tool.starts_with(fmt::format("{}__", rule_tool));
}

}  // namespace

Result<void> check_rule(const std::string& rule) {
  const auto parsed = parse(rule);
  const bool has_tool =
      parsed && !parsed->tool.empty() && std::ranges::all_of(parsed->tool, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
      });
  if (has_tool && !(parsed->what && parsed->what->starts_with(any_end))) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} is no rule; write a tool, \"Read\", or a tool and what it may be used "
                  "for, \"Bash(npm test:*)\"",
                  shell_quoted(rule)));
}

const std::string* allowing_rule(const std::vector<std::string>& rules, const std::string& tool,
                                 const Json& input, const std::filesystem::path& cwd) {
  const auto allows = [&](const std::string& text) {
    const auto rule = parse(text);
    return rule && names(rule->tool, tool) && (!rule->what || fits(*rule->what, input, cwd));
  };
  const auto found = std::ranges::find_if(rules, allows);
  return found == rules.end() ? nullptr : &*found;
}

std::string rule_for(const std::string& tool, const Json& input) {
  if (const auto command = string_or(input, "command"); !command.empty()) {
    return fmt::format("{}({})", tool, trim(command));
  }
  if (const auto host = std::string(host_of(string_or(input, "url"))); !host.empty()) {
    return fmt::format("{}({}{})", tool, domain_word, host);
  }
  return tool;
}

}  // namespace agentcmd::agents
