#include "steps/agent_conversation.h"

#include "agents/rules.h"
#include "base/duration.h"
#include "base/limits.h"
#include "base/text.h"
#include "process/input_frames.h"
#include "steps/agent_questions.h"
#include "steps/result.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using namespace boost::asio::experimental::awaitable_operators;

Result<void> check_rules(const std::vector<std::string>& rules, std::string_view where) {
  for (const auto& rule : rules) {
    const auto checked = agents::check_rule(rule);
    if (!checked) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: {}", where, checked.error().message));
    }
  }
  return {};
}

Result<std::vector<std::string>> project_rules(const fs::path& project) {
  const auto file = project / ".agent" / "permissions.json";
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::vector<std::string>();
  std::ostringstream text;
  text << in.rdbuf();
  const auto parsed = parse_json(text.str(), file.string());
  if (!parsed) return tl::unexpected(parsed.error());
  if (!parsed->is_object()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} must hold an object, {{\"allow\": […]}}", file.string()));
  }
  auto rules = texts_of(*parsed, "allow");
  const auto checked = check_rules(rules, file.string());
  if (!checked) return tl::unexpected(checked.error());
  return rules;
}

Result<std::chrono::milliseconds> ask_timeout_of(const Json& config) {
  const auto found = config.find("askTimeout");
  if (found == config.end() || found->is_null()) {
    return std::chrono::milliseconds(limits::agent_ask_timeout);
  }
  if (found->is_number() && found->get<double>() >= 0) {
    return std::chrono::milliseconds(found->get<std::int64_t>());
  }
  if (found->is_string()) {
    if (const auto length = parse_duration(found->get<std::string>())) return *length;
  }
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("askTimeout is {}; it must be milliseconds or a duration, \"10m\"; 0 waits "
                  "for ever",
                  to_text(*found)));
}

Task<> for_ever() {
  StopSource never(co_await boost::asio::this_coro::executor);
  co_await never.wait();
}

}  // namespace

Result<QuestionPolicy> question_policy(const Step& step, const Json& config) {
  QuestionPolicy policy{.allow = texts_of(config, "allow")};
  const auto checked = check_rules(policy.allow, "allow");
  if (!checked) return tl::unexpected(checked.error());
  auto rules = project_rules(step.run.project);
  if (!rules) return tl::unexpected(rules.error());
  policy.allow.insert(policy.allow.end(), rules->begin(), rules->end());
  const auto timeout = ask_timeout_of(config);
  if (!timeout) return tl::unexpected(timeout.error());
  policy.ask_timeout = *timeout;
  return policy;
}

AgentConversation::AgentConversation(StepHost& host, const Step& step,
                                     const agents::AgentRequest& request, std::string_view agent,
                                     QuestionPolicy policy, agents::Dialogue& dialogue)
    : host_(host),
      step_(step),
      request_(request),
      agent_(agent),
      policy_(std::move(policy)),
      dialogue_(dialogue),
      news_(host.executor()) {}

std::vector<agents::AgentEvent> AgentConversation::received(std::string_view line) {
  auto events = dialogue_.received(line);
  const bool all_said = dialogue_.turns_ended() >= dialogue_.messages();
  if (all_said && dialogue_.turns_ended() > 0) dialogue_.finish();
  notify();
  return events;
}

Task<> AgentConversation::run() {
  auto input = co_await process::open_input(host_.executor(), step_.attempt_dir());
  if (!input) co_await for_ever();  // it has ended, and that will be seen
  for (const auto& frame : (*input)->earlier()) dialogue_.sent(frame);
  while (true) {
    const auto seen_news = news_count_;
    const auto seen_records = host_.recorded();
    look_at_questions();
    while (auto frame = dialogue_.next()) {
      const auto taken =
          frame->empty() ? co_await (*input)->close() : co_await (*input)->send(*frame);
      if (!taken) co_await for_ever();
      dialogue_.sent(*frame);
    }
    co_await (news_after(seen_news) || host_.recorded_after(seen_records));
  }
}

// The n-th question is the n-th in every driver's reading of the output.
history::StepKey AgentConversation::gate_of(std::size_t index) const {
  if (step_.attempt == 1) return {fmt::format("{}/ask{}", step_.key.text, index + 1)};
  return {fmt::format("{}/try{}-ask{}", step_.key.text, step_.attempt, index + 1)};
}

void AgentConversation::look_at_questions() {
  const auto& questions = dialogue_.questions();
  for (std::size_t index = 0; index < questions.size(); ++index) {
    const auto& question = questions[index];
    const auto gate = gate_of(index);
    if (dialogue_.is_settled(question.id)) {
      asked_.erase(question.id);
      // The agent has taken it back.
      if (over_.insert(question.id).second && !host_.answer(step_, gate)) {
        host_.withdraw_question(step_, gate);
      }
      continue;
    }
    if (const auto decision = host_.answer(step_, gate)) {
      asked_.erase(question.id);
      dialogue_.answer(question.id, answer_of(question, *decision));
    } else if (!asked_.contains(question.id) && !answer_by_rule(question)) {
      asked_.insert(question.id);
      const auto said = gate_of_question(question, agent_, request_.cwd);
      host_.ask(step_, {.gate = gate,
                        .name = step_.name,
                        .said = {redact(to_text(said), step_.run.secrets)},
                        .timeout = policy_.ask_timeout});
    }
  }
}

bool AgentConversation::answer_by_rule(const agents::AgentQuestion& question) {
  if (question.kind != agents::AgentQuestion::Kind::permission) return false;
  if (question.against_mode) {
    dialogue_.answer(
        question.id,
        {.allow = false, .message = "You are in plan mode: change nothing, and propose a plan."});
    return true;
  }
  auto rules = policy_.allow;
  const auto given = host_.allowed_in_run();
  rules.insert(rules.end(), given.begin(), given.end());
  const auto* rule = agents::allowing_rule(rules, question.tool, question.input, request_.cwd);
  if (rule == nullptr) return false;
  const auto call = agents::tool_label(question.tool, question.input);
  host_.output(step_, "agent",
               redact(fmt::format("allowed by the rule {}: {}", *rule, call), step_.run.secrets));
  dialogue_.answer(question.id, {.allow = true});
  return true;
}

bool AgentConversation::waits_for_people() const {
  return !asked_.empty();
}

std::set<std::string> AgentConversation::refused_by_people() const {
  std::set<std::string> refused;
  const auto& questions = dialogue_.questions();
  for (std::size_t index = 0; index < questions.size(); ++index) {
    const auto decision = host_.answer(step_, gate_of(index));
    if (decision && !decision->approved && !decision->timed_out) {
      refused.insert(questions[index].call_id);
    }
  }
  return refused;
}

void AgentConversation::notify() {
  ++news_count_;
  news_.notify();
}

Task<> AgentConversation::news_after(std::uint64_t seen) {
  while (news_count_ == seen) co_await news_.wait();
}

}  // namespace agentcmd::steps
