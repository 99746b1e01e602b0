#include "gateway/stub_api.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace agentcmd::gateway {
namespace {

// The texts of a content that is a text, or a list of blocks.
std::string texts_in(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string all;
  if (!content.is_array()) return all;
  for (const auto& block : content) {
    const auto text = string_or(block, "text");
    if (text.empty()) continue;
    if (!all.empty()) all += '\n';
    all += text;
  }
  return all;
}

bool has_tool_result(const Json& content) {
  return content.is_array() && std::ranges::any_of(content, [](const Json& block) {
           return string_or(block, "type") == "tool_result";
         });
}

void take_prompt(Asked& asked, const std::string& text) {
  if (text.empty()) return;
  if (!asked.prompts.empty()) asked.prompts += '\n';
  asked.prompts += text;
  asked.last = text;
  asked.tool_results = 0;
}

void take_tool_result(Asked& asked) {
  ++asked.tool_results;
  asked.after_tool = true;
}

// A tool's result may come with a text beside it, which is no new prompt.
void read_message(Asked& asked, const Json& message) {
  const auto role = string_or(message, "role");
  const auto& content = member_or_null(message, "content");
  if (role == "system" || role == "developer") asked.system += texts_in(content);
  if (role == "tool") take_tool_result(asked);
  if (role != "user") return;
  if (!has_tool_result(content)) return take_prompt(asked, texts_in(content));
  const auto text = texts_in(content);
  if (!text.empty()) asked.prompts += '\n' + text;
  for (const auto& block : content) {
    if (string_or(block, "type") == "tool_result") take_tool_result(asked);
  }
}

void read_item(Asked& asked, const Json& item) {
  const auto type = string_or(item, "type", "message");
  if (type.ends_with("_output")) return take_tool_result(asked);
  if (type == "message") read_message(asked, item);
}

// A document as one server-sent event.
std::string event(const Json& data) {
  return fmt::format("event: {}\ndata: {}\n\n", string_or(data, "type"), to_text(data));
}

class MessagesAnswer final : public StubAnswer {
 public:
  MessagesAnswer(const Asked& asked, const StubUsage& usage, std::uint64_t number)
      : usage_(usage),
        number_(number),
        message_{{"id", fmt::format("msg_{}", number)},
                 {"type", "message"},
                 {"role", "assistant"},
                 {"model", asked.model},
                 {"content", Json::array()},
                 {"stop_reason", nullptr},
                 {"stop_sequence", nullptr},
                 {"usage", usage_json(1)}} {}

  std::string begin() override { return event({{"type", "message_start"}, {"message", message_}}); }
  std::string text(const std::string& text) override {
    return block({{"type", "text"}, {"text", ""}}, {{"type", "text_delta"}, {"text", text}},
                 {{"type", "text"}, {"text", text}});
  }
  std::string tool(const std::string& name, const Json& input) override {
    message_["stop_reason"] = "tool_use";
    const auto id = fmt::format("toolu_{}_{}", number_, message_["content"].size());
    Json whole{{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", Json::object()}};
    auto start = whole;
    whole["input"] = input;
    return block(std::move(start), {{"type", "input_json_delta"}, {"partial_json", to_text(input)}},
                 std::move(whole));
  }
  std::string end() override {
    const auto whole = document();
    return event({{"type", "message_delta"},
                  {"delta", {{"stop_reason", whole["stop_reason"]}, {"stop_sequence", nullptr}}},
                  {"usage", {{"output_tokens", usage_.output}}}}) +
           event({{"type", "message_stop"}});
  }
  Json document() override {
    if (message_["stop_reason"].is_null()) message_["stop_reason"] = "end_turn";
    message_["usage"] = usage_json(usage_.output);
    return message_;
  }

 private:
  Json usage_json(std::int64_t output) const {
    return {{"input_tokens", usage_.input},
            {"output_tokens", output},
            {"cache_creation_input_tokens", usage_.cache_write},
            {"cache_read_input_tokens", usage_.cache_read}};
  }
  std::string block(Json start, Json delta, Json whole) {
    const auto index = message_["content"].size();
    message_["content"].push_back(std::move(whole));
    return event({{"type", "content_block_start"},
                  {"index", index},
                  {"content_block", std::move(start)}}) +
           event({{"type", "content_block_delta"}, {"index", index}, {"delta", std::move(delta)}}) +
           event({{"type", "content_block_stop"}, {"index", index}});
  }

  const StubUsage usage_;
  const std::uint64_t number_;
  Json message_;
};

class ResponsesAnswer final : public StubAnswer {
 public:
  ResponsesAnswer(const Asked& asked, const StubUsage& usage, std::uint64_t number)
      : usage_(usage),
        number_(number),
        response_{{"id", fmt::format("resp_{}", number)},
                  {"object", "response"},
                  {"created_at", 0},
                  {"status", "in_progress"},
                  {"model", asked.model},
                  {"output", Json::array()}} {}

  std::string begin() override {
    return numbered({{"type", "response.created"}, {"response", response_}});
  }
  std::string text(const std::string& text) override {
    const auto id = item_id("msg");
    const auto index = response_["output"].size();
    Json part{{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}};
    Json item{{"type", "message"},
              {"id", id},
              {"role", "assistant"},
              {"status", "completed"},
              {"content", Json::array({std::move(part)})}};
    const auto delta = numbered({{"type", "response.output_text.delta"},
                                 {"item_id", id},
                                 {"output_index", index},
                                 {"content_index", 0},
                                 {"delta", text}});
    return item_events(std::move(item), delta);
  }
  std::string tool(const std::string& name, const Json& input) override {
    const auto call = fmt::format("call_{}_{}", number_, response_["output"].size());
    // A tool that takes a text and not an object is a custom one.
    if (input.is_string()) {
      return item_events({{"type", "custom_tool_call"},
                          {"id", item_id("ctc")},
                          {"call_id", call},
                          {"name", name},
                          {"input", input}},
                         "");
    }
    return item_events({{"type", "function_call"},
                        {"id", item_id("fc")},
                        {"call_id", call},
                        {"name", name},
                        {"arguments", to_text(input)}},
                       "");
  }
  std::string end() override {
    return numbered({{"type", "response.completed"}, {"response", document()}});
  }
  Json document() override {
    response_["status"] = "completed";
    response_["usage"] = {{"input_tokens", usage_.input + usage_.cache_read},
                          {"input_tokens_details", {{"cached_tokens", usage_.cache_read}}},
                          {"output_tokens", usage_.output},
                          {"output_tokens_details", {{"reasoning_tokens", usage_.reasoning}}},
                          {"total_tokens", usage_.input + usage_.cache_read + usage_.output}};
    return response_;
  }

 private:
  std::string item_id(std::string_view kind) const {
    return fmt::format("{}_{}_{}", kind, number_, response_["output"].size());
  }
  std::string numbered(Json data) {
    data["sequence_number"] = sequence_++;
    return event(data);
  }
  std::string item_events(Json item, const std::string& between) {
    const auto index = response_["output"].size();
    auto added = item;
    if (added.contains("content")) added["content"] = Json::array();
    if (added.contains("arguments")) added["arguments"] = "";
    response_["output"].push_back(item);
    auto bytes = numbered({{"type", "response.output_item.added"},
                           {"output_index", index},
                           {"item", std::move(added)}});
    bytes += between;
    return bytes + numbered({{"type", "response.output_item.done"},
                             {"output_index", index},
                             {"item", std::move(item)}});
  }

  const StubUsage usage_;
  const std::uint64_t number_;
  std::int64_t sequence_ = 0;
  Json response_;
};

class ChatAnswer final : public StubAnswer {
 public:
  ChatAnswer(const Asked& asked, const StubUsage& usage, std::uint64_t number)
      : usage_(usage),
        model_(asked.model),
        id_(fmt::format("chatcmpl-{}", number)),
        message_{{"role", "assistant"}, {"content", nullptr}} {}

  std::string begin() override { return chunk({{"role", "assistant"}, {"content", ""}}, nullptr); }
  std::string text(const std::string& text) override {
    const auto& before = message_["content"];
    message_["content"] = (before.is_string() ? before.get<std::string>() : "") + text;
    return chunk({{"content", text}}, nullptr);
  }
  std::string tool(const std::string& name, const Json& input) override {
    auto& calls = message_["tool_calls"];
    if (calls.is_null()) calls = Json::array();
    const auto index = calls.size();
    Json call{{"id", fmt::format("call_{}_{}", id_, index)},
              {"type", "function"},
              {"function", {{"name", name}, {"arguments", to_text(input)}}}};
    calls.push_back(call);
    call["index"] = index;
    return chunk({{"tool_calls", Json::array({std::move(call)})}}, nullptr);
  }
  std::string end() override {
    auto last = chunk(Json::object(), reason());
    Json usage{{"id", id_},
               {"object", "chat.completion.chunk"},
               {"model", model_},
               {"choices", Json::array()},
               {"usage", usage_json()}};
    return last + "data: " + to_text(usage) + "\n\ndata: [DONE]\n\n";
  }
  Json document() override {
    return {{"id", id_},
            {"object", "chat.completion"},
            {"created", 0},
            {"model", model_},
            {"choices",
             Json::array({{{"index", 0}, {"message", message_}, {"finish_reason", reason()}}})},
            {"usage", usage_json()}};
  }

 private:
  std::string reason() const { return message_.contains("tool_calls") ? "tool_calls" : "stop"; }
  Json usage_json() const {
    const auto prompt = usage_.input + usage_.cache_read;
    return {{"prompt_tokens", prompt},
            {"completion_tokens", usage_.output},
            {"total_tokens", prompt + usage_.output},
            {"prompt_tokens_details", {{"cached_tokens", usage_.cache_read}}},
            {"completion_tokens_details", {{"reasoning_tokens", usage_.reasoning}}}};
  }
  std::string chunk(Json delta, Json finish) const {
    Json data{
        {"id", id_},
        {"object", "chat.completion.chunk"},
        {"created", 0},
        {"model", model_},
        {"choices",
         Json::array(
             {{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}}})}};
    return "data: " + to_text(data) + "\n\n";
  }

  const StubUsage usage_;
  const std::string model_;
  const std::string id_;
  Json message_;
};

// The first of these names that the model may call, else the first.
std::string tool_of(const Asked& asked, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (std::ranges::find(asked.tools, name) != asked.tools.end()) return std::string(name);
  }
  return std::string(*names.begin());
}

std::string added_file(const std::string& path, const std::string& content) {
  auto patch = fmt::format("*** Begin Patch\n*** Add File: {}\n", path);
  for (const auto& line : split(content, '\n')) patch += "+" + line + "\n";
  return patch + "*** End Patch";
}

}  // namespace

std::string_view to_string(Api api) {
  switch (api) {
    case Api::messages:
      return "messages";
    case Api::responses:
      return "responses";
    case Api::chat:
      return "chat";
  }
  std::unreachable();
}

Asked read_asked(Api api, const Json& body) {
  Asked asked;
  asked.api = api;
  asked.model = string_or(body, "model", "stub-model");
  asked.stream = bool_or(body, "stream");
  asked.system = texts_in(member_or_null(body, "system")) + string_or(body, "instructions");
  if (const auto& messages = member_or_null(body, "messages"); messages.is_array()) {
    for (const auto& message : messages) read_message(asked, message);
  }
  const auto& input = member_or_null(body, "input");
  if (input.is_string()) take_prompt(asked, input.get<std::string>());
  if (input.is_array()) {
    for (const auto& item : input) read_item(asked, item);
  }
  if (const auto& tools = member_or_null(body, "tools"); tools.is_array()) {
    for (const auto& tool : tools) {
      asked.tools.push_back(
          string_or(tool, "name", string_or(member_or_null(tool, "function"), "name")));
    }
  }
  const auto& choice = member_or_null(body, "tool_choice");
  asked.forced_tool =
      string_or(choice, "name", string_or(member_or_null(choice, "function"), "name"));
  return asked;
}

std::unique_ptr<StubAnswer> make_stub_answer(const Asked& asked, const StubUsage& usage,
                                             std::uint64_t number) {
  switch (asked.api) {
    case Api::messages:
      return std::make_unique<MessagesAnswer>(asked, usage, number);
    case Api::responses:
      return std::make_unique<ResponsesAnswer>(asked, usage, number);
    case Api::chat:
      return std::make_unique<ChatAnswer>(asked, usage, number);
  }
  std::unreachable();
}

ToolUse writing_tool(const Asked& asked, const std::string& path, const std::string& content) {
  if (asked.api == Api::messages) return {"Write", {{"file_path", path}, {"content", content}}};
  if (asked.api == Api::chat) {
    return {tool_of(asked, {"write_file", "write"}), {{"path", path}, {"content", content}}};
  }
  const auto patch = added_file(path, content);
  if (std::ranges::find(asked.tools, "apply_patch") != asked.tools.end()) {
    return {"apply_patch", Json(patch)};
  }
  return running_tool(asked, "apply_patch <<'AGENTCMD_PATCH'\n" + patch + "\nAGENTCMD_PATCH\n");
}

ToolUse running_tool(const Asked& asked, const std::string& command) {
  if (asked.api == Api::messages) {
    return {"Bash", {{"command", command}, {"description", "a command of the stub"}}};
  }
  if (asked.api == Api::chat) {
    return {tool_of(asked, {"run_command", "bash", "shell"}), {{"command", command}}};
  }
  const auto name = tool_of(asked, {"exec_command", "shell"});
  if (name == "exec_command") return {name, {{"cmd", command}}};
  return {name, {{"command", Json::array({"bash", "-c", command})}}};
}

Json stub_error(Api api, int status, const std::string& message) {
  std::string type = status >= 500 ? "api_error" : "invalid_request_error";
  if (status == 401) type = "authentication_error";
  if (status == 403) type = "permission_error";
  if (status == 404) type = "not_found_error";
  if (status == 429) type = "rate_limit_error";
  if (status == 529) type = "overloaded_error";
  if (api == Api::messages) {
    return {{"type", "error"}, {"error", {{"type", type}, {"message", message}}}};
  }
  return {{"error", {{"message", message}, {"type", type}, {"code", nullptr}}}};
}

}  // namespace agentcmd::gateway
