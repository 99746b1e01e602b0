#include "gateway/usage.h"

#include <utility>

namespace agentcmd::gateway {
namespace {

std::int64_t detail(const Json& usage, std::string_view group, std::string_view name) {
  return int_or(member_or_null(usage, group), name);
}

void take_name(std::string& name, const Json& object, std::string_view member) {
  if (const auto text = string_or(object, member); !text.empty()) name = text;
}

// OpenAI counts what was cached as input, too.
void read_openai(Usage& usage, const Json& reported, std::string_view in, std::string_view out) {
  const auto details = [](std::string_view name) { return std::string(name) + "_details"; };
  usage.cache_read = detail(reported, details(in), "cached_tokens");
  usage.input = int_or(reported, in) - usage.cache_read;
  usage.output = int_or(reported, out);
  usage.reasoning = detail(reported, details(out), "reasoning_tokens");
}

void read_anthropic(Usage& usage, const Json& reported) {
  usage.input = int_or(reported, "input_tokens", usage.input);
  usage.output = int_or(reported, "output_tokens", usage.output);
  usage.cache_read = int_or(reported, "cache_read_input_tokens", usage.cache_read);
  usage.cache_write = int_or(reported, "cache_creation_input_tokens", usage.cache_write);
  usage.cache_write_long = int_or(member_or_null(reported, "cache_creation"),
                                  "ephemeral_1h_input_tokens", usage.cache_write_long);
}

}  // namespace

std::string_view to_string(Vendor vendor) {
  switch (vendor) {
    case Vendor::anthropic:
      return "anthropic";
    case Vendor::openai:
      return "openai";
  }
  std::unreachable();
}

Usage& Usage::operator+=(const Usage& other) {
  input += other.input;
  output += other.output;
  cache_read += other.cache_read;
  cache_write += other.cache_write;
  cache_write_long += other.cache_write_long;
  reasoning += other.reasoning;
  return *this;
}

Json to_json(const Usage& usage) {
  Json json{{"inputTokens", usage.input},
            {"outputTokens", usage.output},
            {"totalTokens", usage.total()},
            {"reasoningTokens", usage.reasoning},
            {"cachedInputTokens", usage.cache_read},
            {"cacheCreationTokens", usage.cache_write}};
  return json;
}

void read_usage(Usage& usage, const Json& reported) {
  if (!reported.is_object()) return;
  if (reported.contains("prompt_tokens")) {
    read_openai(usage, reported, "prompt_tokens", "completion_tokens");
  } else if (reported.contains("input_tokens_details") ||
             reported.contains("output_tokens_details")) {
    read_openai(usage, reported, "input_tokens", "output_tokens");
  } else {
    read_anthropic(usage, reported);
  }
}

void Meter::take(const Json& event) {
  // Within message_start and response.completed, else at the top.
  for (const auto* part :
       {&event, &member_or_null(event, "message"), &member_or_null(event, "response")}) {
    take_name(model, *part, "model");
    take_name(id, *part, "id");
    read_usage(usage, member_or_null(*part, "usage"));
  }
}

}  // namespace agentcmd::gateway
