#include "agents/claude/dialogue.h"

#include "agents/claude/stream_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

namespace agentcmd::agents {
namespace {

constexpr std::string_view closing = "close";
constexpr std::string_view initialize = "request:initialize";

// A frame that waits to be sent, and what it is: frames are told apart by that, since a driver that
// was here before has sent some of them.
struct Frame {
  std::string key;
  std::string bytes;
};

std::string line_of(const Json& message) {
  return to_text(message) + "\n";
}

class ClaudeDialogue final : public Dialogue {
 public:
  explicit ClaudeDialogue(const AgentRequest& request)
      : plans_only_(request.permission_mode == "plan") {
    queue(std::string(initialize), {{"type", "control_request"},
                                    {"request_id", "initialize"},
                                    {"request", {{"subtype", "initialize"}}}});
    say(request.prompt);
  }

  std::vector<AgentEvent> received(std::string_view line) override {
    // Most of what is said is no request, and may be large.
    if (line.contains("\"control_")) take_control(line);
    auto events = parse_stream_json(line);
    for (const auto& event : events) {
      if (std::holds_alternative<Final>(event)) ++turns_ended_;
    }
    return events;
  }

  void sent(std::string_view frame) override {
    const auto key = key_of(frame);
    if (key.starts_with("user:")) ++users_sent_;
    std::erase_if(waiting_, [&](const Frame& waits) { return waits.key == key; });
    if (key.starts_with("answer:")) settled_.insert(key.substr(7));
    sent_.insert(key);
  }

  std::optional<std::string> next() const override {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().bytes;
  }

  void say(std::string text) override {
    Json content = Json::array();
    content.push_back({{"type", "text"}, {"text", std::move(text)}});
    queue(fmt::format("user:{}", ++users_),
          {{"type", "user"}, {"message", {{"role", "user"}, {"content", std::move(content)}}}});
  }

  void finish() override {
    if (!sent_.contains(std::string(closing))) waiting_.push_back({std::string(closing), ""});
  }

  std::size_t messages() const override { return std::max(users_, users_sent_); }
  std::size_t turns_ended() const override { return turns_ended_; }

  const std::vector<AgentQuestion>& questions() const override { return questions_; }
  bool is_settled(const std::string& question) const override {
    return settled_.contains(question);
  }

  void answer(const std::string& question, const AgentAnswer& answer) override {
    if (!settled_.insert(question).second) return;
    const auto asked = std::ranges::find(questions_, question, &AgentQuestion::id);
    if (asked == questions_.end()) return;
    Json decision{{"behavior", "deny"}, {"message", answer.message}};
    if (answer.allow) {
      decision = {{"behavior", "allow"},
                  {"updatedInput", answer.input.is_null() ? asked->input : answer.input}};
    }
    respond(question, {{"subtype", "success"}, {"response", std::move(decision)}});
  }

 private:
  void queue(std::string key, const Json& message) {
    if (sent_.contains(key)) return;
    waiting_.push_back({std::move(key), line_of(message)});
  }

  void respond(const std::string& request, Json response) {
    response["request_id"] = request;
    queue("answer:" + request, {{"type", "control_response"}, {"response", std::move(response)}});
  }

  void take_control(std::string_view line) {
    const auto parsed = parse_json(line, "a control request");
    if (!parsed || !parsed->is_object()) return;
    const auto type = string_or(*parsed, "type");
    const auto id = string_or(*parsed, "request_id");
    if (type == "control_cancel_request") {
      settled_.insert(id);
      std::erase_if(waiting_, [&](const Frame& waits) { return waits.key == "answer:" + id; });
    } else if (type == "control_request") {
      const auto& request = member_or_null(*parsed, "request");
      if (string_or(request, "subtype") == "can_use_tool") return add_question(id, request);
      respond(id, {{"subtype", "error"}, {"error", "agentcmd answers no such request"}});
    }
  }

  void add_question(const std::string& id, const Json& request) {
    AgentQuestion question{.id = id,
                           .call_id = string_or(request, "tool_use_id"),
                           .tool = string_or(request, "tool_name"),
                           .input = member_or_null(request, "input"),
                           .why = string_or(request, "decision_reason")};
    if (!question.input.is_object()) question.input = Json::object();
    if (question.tool == "ExitPlanMode") question.kind = AgentQuestion::Kind::plan;
    if (question.tool == "AskUserQuestion") question.kind = AgentQuestion::Kind::choice;
    question.against_mode = plans_only_ && question.kind == AgentQuestion::Kind::permission &&
                            string_or(request, "decision_reason_type") == "mode";
    questions_.push_back(std::move(question));
  }

  std::string key_of(std::string_view frame) const {
    if (frame.empty()) return std::string(closing);
    const auto parsed = parse_json(frame, "a frame");
    if (!parsed) return {};
    const auto type = string_or(*parsed, "type");
    if (type == "user") return fmt::format("user:{}", users_sent_ + 1);
    if (type == "control_request") return "request:" + string_or(*parsed, "request_id");
    return "answer:" + string_or(member_or_null(*parsed, "response"), "request_id");
  }

  const bool plans_only_;
  std::deque<Frame> waiting_;
  std::set<std::string> sent_;
  std::size_t users_ = 0;       // messages made by us
  std::size_t users_sent_ = 0;  // by whomever
  std::size_t turns_ended_ = 0;
  std::vector<AgentQuestion> questions_;
  std::set<std::string> settled_;
};

}  // namespace

std::unique_ptr<Dialogue> claude_dialogue(const AgentRequest& request) {
  return std::make_unique<ClaudeDialogue>(request);
}

}  // namespace agentcmd::agents
