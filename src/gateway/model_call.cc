#include "gateway/model_call.h"

#include "base/duration.h"
#include "base/network_limits.h"
#include "base/text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace agentcmd::gateway {
namespace {

constexpr std::string_view reply_tool = "reply";
constexpr std::string_view reply_purpose = "Gives the answer. Always call this tool.";

// Anthropic wants a number; this is what its models of today can all say.
constexpr std::int64_t anthropic_max_tokens = 8192;

// They refuse a temperature, and name the limit otherwise.
bool is_reasoning_model(std::string_view model) {
  for (const std::string_view start : {"o1", "o3", "o4", "gpt-5"}) {
    if (model.starts_with(start)) return true;
  }
  return false;
}

Json message(std::string_view role, const std::string& text) {
  return {{"role", role}, {"content", text}};
}

Json anthropic_body(const ModelCall& call) {
  Json body{{"model", call.model},
            {"max_tokens", call.max_tokens.value_or(anthropic_max_tokens)},
            {"stream", true}};
  if (!call.system.empty()) body["system"] = call.system;
  if (call.temperature) body["temperature"] = *call.temperature;
  body["messages"] = Json::array({message("user", call.prompt)});
  if (!call.schema.is_null()) {
    body["tools"] = Json::array(
        {{{"name", reply_tool}, {"description", reply_purpose}, {"input_schema", call.schema}}});
    body["tool_choice"] = {{"type", "tool"}, {"name", reply_tool}};
  }
  return body;
}

Json openai_body(const ModelCall& call) {
  const bool reasons = is_reasoning_model(call.model);
  Json body{{"model", call.model}, {"stream", true}, {"stream_options", {{"include_usage", true}}}};
  if (call.temperature && !reasons) body["temperature"] = *call.temperature;
  if (call.max_tokens) body[reasons ? "max_completion_tokens" : "max_tokens"] = *call.max_tokens;
  body["messages"] = Json::array();
  if (!call.system.empty()) body["messages"].push_back(message("system", call.system));
  body["messages"].push_back(message("user", call.prompt));
  if (!call.schema.is_null()) {
    body["tools"] = Json::array(
        {{{"type", "function"},
          {"function",
           {{"name", reply_tool}, {"description", reply_purpose}, {"parameters", call.schema}}}}});
    body["tool_choice"] = {{"type", "function"}, {"function", {{"name", reply_tool}}}};
  }
  return body;
}

// "60" or "0.5"; nothing of a date.
std::optional<std::chrono::milliseconds> seconds_in(const std::string& text) {
  double seconds = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seconds);
  if (text.empty() || read.ec != std::errc() || read.ptr != end || seconds < 0) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace

std::string base_url_of(const VendorAccess& access, Vendor vendor) {
  std::string url = access.base_url;
  while (url.ends_with('/')) url.pop_back();
  if (vendor == Vendor::openai) return url.empty() ? "https://api.openai.com/v1" : url;
  constexpr std::string_view version = "/v1";
  if (url.ends_with(version)) url.resize(url.size() - version.size());
  return url.empty() ? "https://api.anthropic.com" : url;
}

http::Request model_request(const ModelCall& call, const VendorAccess& access) {
  http::Request request;
  request.method = "POST";
  request.headers = {{"content-type", "application/json"}, {"accept", "text/event-stream"}};
  request.body_bytes_max = limits::model_answer_bytes_max;
  const auto base = base_url_of(access, call.vendor);
  if (call.vendor == Vendor::anthropic) {
    request.url = base + "/v1/messages";
    request.headers.emplace_back("x-api-key", access.key.reveal());
    request.headers.emplace_back("anthropic-version", "2023-06-01");
    request.body = to_text(anthropic_body(call));
  } else {
    request.url = base + "/chat/completions";
    request.headers.emplace_back("authorization", "Bearer " + access.key.reveal());
    request.body = to_text(openai_body(call));
  }
  return request;
}

void ModelAnswer::feed(std::string_view bytes,
                       const std::function<void(std::string_view)>& on_text) {
  stream_.feed(bytes, [&](std::string_view data) {
    if (data == "[DONE]") {
      complete_ = true;
      return;
    }
    const auto event = parse_json(data, "an event of the answer");
    if (!event) {
      error_ = event.error().message;
      return;
    }
    take_event(*event, on_text);
  });
}

void ModelAnswer::take_event(const Json& event,
                             const std::function<void(std::string_view)>& on_text) {
  if (const auto& error = member_or_null(event, "error"); !error.is_null()) {
    error_ = string_or(error, "message", to_text(error));
    return;
  }
  meter_.take(event);
  if (vendor_ == Vendor::anthropic) {
    take_anthropic(event, on_text);
  } else {
    take_openai(event, on_text);
  }
}

void ModelAnswer::take_anthropic(const Json& event,
                                 const std::function<void(std::string_view)>& on_text) {
  const auto type = string_or(event, "type");
  if (type == "message_stop") complete_ = true;
  const auto& delta = member_or_null(event, "delta");
  if (type == "message_delta") reason_ = string_or(delta, "stop_reason", reason_);
  add(text_, string_or(delta, "text"), on_text);
  add(object_, string_or(delta, "partial_json"), on_text);
}

void ModelAnswer::take_openai(const Json& event,
                              const std::function<void(std::string_view)>& on_text) {
  const auto& choices = member_or_null(event, "choices");
  if (!choices.is_array() || choices.empty()) return;
  const auto& choice = choices[0];
  reason_ = string_or(choice, "finish_reason", reason_);
  // Servers that are only like OpenAI's may end without "[DONE]".
  if (!reason_.empty()) complete_ = true;
  take_message(member_or_null(choice, "delta"), on_text);
}

void ModelAnswer::take_message(const Json& message,
                               const std::function<void(std::string_view)>& on_text) {
  add(text_, string_or(message, "content"), on_text);
  const auto& calls = member_or_null(message, "tool_calls");
  if (!calls.is_array()) return;
  for (const auto& call : calls) {
    add(object_, string_or(member_or_null(call, "function"), "arguments"), on_text);
  }
}

void ModelAnswer::take_document(const Json& document,
                                const std::function<void(std::string_view)>& on_text) {
  meter_.take(document);
  complete_ = true;
  if (vendor_ == Vendor::openai) {
    const auto& choices = member_or_null(document, "choices");
    if (!choices.is_array() || choices.empty()) return;
    reason_ = string_or(choices[0], "finish_reason");
    take_message(member_or_null(choices[0], "message"), on_text);
    return;
  }
  reason_ = string_or(document, "stop_reason");
  const auto& content = member_or_null(document, "content");
  if (!content.is_array()) return;
  for (const auto& block : content) {
    add(text_, string_or(block, "text"), on_text);
    if (const auto& input = member_or_null(block, "input"); !input.is_null()) {
      add(object_, to_text(input), on_text);
    }
  }
}

void ModelAnswer::add(std::string& to, const std::string& text,
                      const std::function<void(std::string_view)>& on_text) {
  if (text.empty()) return;
  to += text;
  on_text(text);
}

std::string ModelAnswer::finish_reason() const {
  // The tool is only the form of the answer.
  const bool is_object = !object_.empty();
  for (const std::string_view stop : {"end_turn", "stop_sequence", "stop"}) {
    if (reason_ == stop) return "stop";
  }
  if (reason_ == "max_tokens" || reason_ == "length") return "length";
  if (reason_ == "refusal" || reason_ == "content_filter") return "content-filter";
  if (reason_ == "tool_use" || reason_ == "tool_calls") return is_object ? "stop" : "tool-calls";
  return "other";
}

std::string refusal_message(std::string_view body) {
  const auto json = parse_json(body, "the refusal");
  if (json && json->is_object()) {
    const auto& error = member_or_null(*json, "error");
    if (error.is_string()) return error.get<std::string>();
    if (const auto message = string_or(error, "message"); !message.empty()) return message;
    if (const auto message = string_or(*json, "message"); !message.empty()) return message;
  }
  constexpr std::size_t shown = 300;
  return to_utf8(trim(body.substr(0, shown)));
}

std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers,
                                                     std::chrono::sys_seconds now) {
  if (const auto precise = seconds_in(http::header_of(headers, "retry-after-ms"))) {
    return *precise / 1000;
  }
  if (const auto wait = seconds_in(http::header_of(headers, "retry-after"))) return wait;
  // A usage limit of a subscription: the second at which it is over.
  const auto reset = seconds_in(http::header_of(headers, "anthropic-ratelimit-unified-reset"));
  if (reset) {
    const auto at =
        std::chrono::sys_seconds(std::chrono::duration_cast<std::chrono::seconds>(*reset));
    return std::max<std::chrono::milliseconds>(at - now, std::chrono::milliseconds(0));
  }
  return std::nullopt;
}

}  // namespace agentcmd::gateway
