#include "steps/agent_questions.h"

#include "agents/proposed_diff.h"
#include "agents/rules.h"
#include "agents/transcript.h"
#include "base/limits.h"
#include "base/text.h"

#include <fmt/format.h>

namespace agentcmd::steps {
namespace {

using agents::AgentQuestion;
using Kind = AgentQuestion::Kind;

constexpr std::string_view allow_once = "allow once";

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::permission:
      return "permission";
    case Kind::plan:
      return "plan";
    case Kind::choice:
      return "choice";
  }
  std::unreachable();
}

Json permission_gate(const AgentQuestion& question, std::string_view agent,
                     const std::filesystem::path& cwd) {
  auto body = agents::proposed_diff(question.input, cwd);
  if (body.empty()) body = ellipsis(question.input.dump(2), limits::question_bytes_max);
  if (!question.why.empty()) body = question.why + "\n" + body;
  return {{"title", fmt::format("{} wants to use {}", agent,
                                agents::tool_label(question.tool, question.input))},
          {"body", std::move(body)},
          {"options", {allow_once, history::gate_option_for_run}},
          {"default", allow_once},
          {"rule", agents::rule_for(question.tool, question.input)}};
}

Json plan_gate(const AgentQuestion& question, std::string_view agent) {
  return {{"title", fmt::format("{} asks whether to carry out its plan", agent)},
          {"body", ellipsis(string_or(question.input, "plan"), limits::question_bytes_max)},
          {"options", Json::array()}};
}

// One question's options are those of the gate; several are answered by --input.
Json choice_gate(const AgentQuestion& question, std::string_view agent) {
  const auto& asked = member_or_null(question.input, "questions");
  std::vector<std::string> titles;
  std::string body;
  Json options = Json::array();
  if (asked.is_array()) {
    for (const auto& one : asked) {
      titles.push_back(string_or(one, "question"));
      if (asked.size() > 1) body += titles.back() + "\n";
      const auto& choices = member_or_null(one, "options");
      if (!choices.is_array()) continue;
      for (const auto& choice : choices) {
        const auto label = string_or(choice, "label");
        body += fmt::format("- {}: {}\n", label, string_or(choice, "description"));
        if (asked.size() == 1) options.push_back(label);
      }
    }
  }
  if (asked.is_array() && asked.size() > 1) {
    body += R"(Answer with: --input '{"answers": {"the question": "the answer", …}}')";
  }
  return {{"title", fmt::format("{} asks: {}", agent, join(titles, " / "))},
          {"body", std::move(body)},
          {"options", std::move(options)}};
}

Json chosen(const AgentQuestion& question, const std::string& option) {
  auto input = question.input;
  const auto& asked = member_or_null(question.input, "questions");
  if (!option.empty() && asked.is_array() && asked.size() == 1) {
    input["answers"] = {{string_or(asked[0], "question"), option}};
  }
  return input;
}

}  // namespace

Json gate_of_question(const AgentQuestion& question, std::string_view agent,
                      const std::filesystem::path& cwd) {
  Json gate;
  switch (question.kind) {
    case Kind::permission:
      gate = permission_gate(question, agent, cwd);
      break;
    case Kind::plan:
      gate = plan_gate(question, agent);
      break;
    case Kind::choice:
      gate = choice_gate(question, agent);
      break;
  }
  gate["kind"] = word_of(question.kind);
  gate["tool"] = question.tool;
  gate["input"] = question.input;
  return gate;
}

agents::AgentAnswer answer_of(const AgentQuestion& question, const history::GateDecided& decision) {
  if (decision.timed_out) {
    return {.allow = false,
            .message =
                "Nobody was there to answer. Go on without it where you can, and say at the "
                "end what you could not do."};
  }
  if (!decision.approved) {
    return {.allow = false,
            .message = decision.reason.empty() ? "The user does not want that." : decision.reason};
  }
  agents::AgentAnswer answer{.allow = true};
  if (!decision.input.empty()) {
    answer.input = question.input;
    answer.input.update(parse_trusted(decision.input, "an answer's input"));
  } else if (question.kind == Kind::choice) {
    answer.input = chosen(question, decision.option);
  }
  return answer;
}

}  // namespace agentcmd::steps
