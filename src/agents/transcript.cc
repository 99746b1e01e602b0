#include "agents/transcript.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::agents {
namespace {

constexpr std::size_t label_bytes_max = 100;
constexpr std::size_t result_bytes_max = 200;

// The members that tell a reader what a tool call is about, most telling first.
constexpr std::array telling_members{"command", "file_path", "path",   "pattern",
                                     "url",     "query",     "prompt", "description"};

std::string on_one_line(std::string_view text, std::size_t bytes_max) {
  std::string line(trim(text));
  std::ranges::replace(line, '\n', ' ');
  return ellipsis(line, bytes_max);
}

struct Renderer {
  std::string operator()(const SessionStarted&) const { return {}; }
  std::string operator()(const Text& text) const {
    const auto shown = trim(text.text);
    return text.nested && !shown.empty() ? fmt::format("  | {}", shown) : std::string(shown);
  }
  std::string operator()(const ToolCall& call) const {
    return fmt::format("→ {}", tool_label(call.name, call.input));
  }
  std::string operator()(const ToolResult& result) const {
    const auto line = on_one_line(result.text, result_bytes_max);
    if (line.empty()) return {};
    return fmt::format("{} {}", result.is_error ? "✗" : "←", line);
  }
  std::string operator()(const ApiRetry& retry) const {
    return fmt::format("the model API failed ({}{}{}); retry {} of {}",
                       retry.status == 0 ? "" : fmt::to_string(retry.status),
                       retry.status == 0 || retry.error.empty() ? "" : " ", retry.error,
                       retry.attempt, retry.attempts_max);
  }
  std::string operator()(const Final&) const { return {}; }
  std::string operator()(const Other& other) const {
    return other.kind.empty() ? on_one_line(other.raw, result_bytes_max) : std::string();
  }
};

}  // namespace

std::string render(const AgentEvent& event) {
  return std::visit(Renderer{}, event);
}

std::string tool_label(const std::string& tool, const Json& input) {
  if (input.is_object()) {
    for (const auto* member : telling_members) {
      const auto value = string_or(input, member);
      if (!value.empty()) return fmt::format("{}({})", tool, on_one_line(value, label_bytes_max));
    }
  }
  return tool;
}

}  // namespace agentcmd::agents
