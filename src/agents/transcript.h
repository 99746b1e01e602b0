#pragma once
// What an agent says and does, whatever CLI it is: the one model that parsers produce, that is
// shown live, and that the outcome is decided from.

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agentcmd::agents {

struct Usage {
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cache_read_tokens = 0;
  std::int64_t cache_creation_tokens = 0;
  Json models;  // the same by model, as the CLI reported it; null where it did not
  bool operator==(const Usage&) const = default;
};

struct SessionStarted {
  std::string session_id;
  std::string model;
  std::string version;  // of the CLI
};
struct Text {
  std::string text;
  bool nested = false;  // of a sub-agent
};
struct ToolCall {
  std::string id;
  std::string name;
  Json input;
};
struct ToolResult {
  std::string id;  // of its ToolCall
  std::string text;
  bool is_error = false;
};
// The model's API refused or failed, and the CLI tries again.
struct ApiRetry {
  int status = 0;  // HTTP; 0 when there was none
  std::string error;
  std::int64_t attempt = 0;
  std::int64_t attempts_max = 0;
};
// A tool that the agent wanted and was not allowed.
struct Denial {
  std::string id;  // of the ToolCall
  std::string tool;
  Json input;
};
// The CLI's own last word.
struct Final {
  bool is_error = false;
  std::string subtype;  // "success", "error_max_turns", ...
  std::string text;
  std::vector<std::string> errors;
  int api_status = 0;
  std::vector<Denial> denials;
  std::optional<Usage> usage;
  std::optional<double> cost_usd;
};
// A kind that this version does not know, or a line that is not JSON: kept as it came.
struct Other {
  std::string kind;  // "type/subtype"; empty for a line that is not JSON
  std::string raw;
};

using AgentEvent = std::variant<SessionStarted, Text, ToolCall, ToolResult, ApiRetry, Final, Other>;

// How a terminal shows it: whole text, one short line for a tool. Empty for what is not shown.
std::string render(const AgentEvent& event);

// "Bash(npm test)", "Write(src/a.cc)": a tool and the part of its input that people recognise it
// by, on one line.
std::string tool_label(const std::string& tool, const Json& input);

}  // namespace agentcmd::agents
