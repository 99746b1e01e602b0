#pragma once
// The driver's part in a conversation with an agent: sends what the dialogue wants sent, answers
// the agent's questions by rule where one fits, and brings the others to people, as gates of the
// step. Everything follows from the agent's output, from the frames that it was sent and from the
// recorded answers, so that a driver that takes over asks nothing and sends nothing twice.

#include "agents/agent.h"
#include "async/wakeup.h"
#include "steps/step.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::steps {

struct QuestionPolicy {
  std::vector<std::string> allow;            // rules of the step, its definition and its project
  std::chrono::milliseconds ask_timeout{0};  // 0: waits for ever
};

// `allow` and `askTimeout` of the step's config, and the rules of the project's
// .agent/permissions.json ({"allow": […]}). Errors name what is wrong, and where.
Result<QuestionPolicy> question_policy(const Step& step, const Json& config);

class AgentConversation {
 public:
  // All of them outlive it.
  AgentConversation(StepHost& host, const Step& step, const agents::AgentRequest& request,
                    std::string_view agent, QuestionPolicy policy, agents::Dialogue& dialogue);

  // A line of the agent's output.
  std::vector<agents::AgentEvent> received(std::string_view line);

  // Beside the process, from when it runs; ends only by cancellation.
  Task<> run();

  // An agent that waits for an answer is as silent as one that hangs.
  bool waits_for_people() const;

  // The tool calls that a person has refused.
  std::set<std::string> refused_by_people() const;

 private:
  history::StepKey gate_of(std::size_t index) const;
  void look_at_questions();
  bool answer_by_rule(const agents::AgentQuestion& question);
  Task<> news_after(std::uint64_t seen);
  void notify();

  StepHost& host_;
  const Step& step_;
  const agents::AgentRequest& request_;
  const std::string agent_;
  const QuestionPolicy policy_;
  agents::Dialogue& dialogue_;
  std::set<std::string> asked_;  // questions that have a gate
  std::set<std::string> over_;   // questions that were seen settled
  std::uint64_t news_count_ = 0;
  Wakeup news_;
};

}  // namespace agentcmd::steps
