#include "agents/claude/stream_json.h"

#include "base/text.h"

#include <fmt/format.h>

namespace agentcmd::agents {
namespace {

// The content of a message or of a tool result: a text, or a list of blocks.
std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::vector<std::string> parts;
  if (content.is_array()) {
    for (const auto& block : content) {
      if (string_or(block, "type") == "text") parts.push_back(string_or(block, "text"));
    }
  }
  return join(parts, "\n");
}

void add_message(const Json& event, std::vector<AgentEvent>& events) {
  const auto& content = member_or_null(member_or_null(event, "message"), "content");
  const bool nested = member_or_null(event, "parent_tool_use_id").is_string();
  if (!content.is_array()) return;
  for (const auto& block : content) {
    const auto type = string_or(block, "type");
    if (type == "text") {
      events.push_back(Text{.text = string_or(block, "text"), .nested = nested});
    } else if (type == "tool_use") {
      events.push_back(ToolCall{.id = string_or(block, "id"),
                                .name = string_or(block, "name"),
                                .input = member_or_null(block, "input")});
    } else if (type == "tool_result") {
      events.push_back(ToolResult{.id = string_or(block, "tool_use_id"),
                                  .text = text_of(member_or_null(block, "content")),
                                  .is_error = bool_or(block, "is_error")});
    }
  }
}

// By modelUsage, which counts side calls too; `usage` covers the last turn only.
std::optional<Usage> usage_of(const Json& event) {
  Usage usage;
  const auto& models = member_or_null(event, "modelUsage");
  if (models.is_object() && !models.empty()) {
    for (const auto& model : models) {
      usage.input_tokens += int_or(model, "inputTokens");
      usage.output_tokens += int_or(model, "outputTokens");
      usage.cache_read_tokens += int_or(model, "cacheReadInputTokens");
      usage.cache_creation_tokens += int_or(model, "cacheCreationInputTokens");
    }
    usage.models = models;
    return usage;
  }
  const auto& turn = member_or_null(event, "usage");
  if (!turn.is_object()) return std::nullopt;
  usage.input_tokens = int_or(turn, "input_tokens");
  usage.output_tokens = int_or(turn, "output_tokens");
  usage.cache_read_tokens = int_or(turn, "cache_read_input_tokens");
  usage.cache_creation_tokens = int_or(turn, "cache_creation_input_tokens");
  return usage;
}

Final final_of(const Json& event) {
  Final final;
  final.is_error = bool_or(event, "is_error");
  final.subtype = string_or(event, "subtype");
  final.text = string_or(event, "result");
  final.api_status = static_cast<int>(int_or(event, "api_error_status"));
  final.usage = usage_of(event);
  if (const auto& cost = member_or_null(event, "total_cost_usd"); cost.is_number()) {
    final.cost_usd = cost.get<double>();
  }
  if (const auto& errors = member_or_null(event, "errors"); errors.is_array()) {
    for (const auto& error : errors) {
      final.errors.push_back(error.is_string() ? error.get<std::string>() : to_text(error));
    }
  }
  if (const auto& denials = member_or_null(event, "permission_denials"); denials.is_array()) {
    for (const auto& denial : denials) {
      final.denials.push_back({.id = string_or(denial, "tool_use_id"),
                               .tool = string_or(denial, "tool_name"),
                               .input = member_or_null(denial, "tool_input")});
    }
  }
  return final;
}

}  // namespace

std::vector<AgentEvent> parse_stream_json(std::string_view line) {
  const auto parsed = parse_json(line, "agent output");
  if (!parsed || !parsed->is_object()) return {Other{.kind = {}, .raw = to_utf8(line)}};
  const auto& event = *parsed;
  const auto type = string_or(event, "type");
  const auto subtype = string_or(event, "subtype");

  std::vector<AgentEvent> events;
  if (type == "assistant" || type == "user") {
    add_message(event, events);
  } else if (type == "result") {
    events.push_back(final_of(event));
  } else if (type == "system" && subtype == "init") {
    events.push_back(SessionStarted{.session_id = string_or(event, "session_id"),
                                    .model = string_or(event, "model"),
                                    .version = string_or(event, "claude_code_version")});
  } else if (type == "system" && subtype == "api_retry") {
    events.push_back(ApiRetry{.status = static_cast<int>(int_or(event, "error_status")),
                              .error = string_or(event, "error"),
                              .attempt = int_or(event, "attempt"),
                              .attempts_max = int_or(event, "max_retries")});
  } else {
    const auto kind = subtype.empty() ? type : fmt::format("{}/{}", type, subtype);
    events.push_back(Other{.kind = kind.empty() ? "?" : kind, .raw = std::string(line)});
  }
  return events;
}

}  // namespace agentcmd::agents
