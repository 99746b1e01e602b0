// What a running step asks people: gates that belong to its attempt. The code does not know of
// them, so that they can come and go without a trace in what is replayed.

#include "engine/run_state.h"
#include "runtime/run_actor.h"

#include <utility>

namespace agentcmd::runtime {

using history::GateCancelled;
using history::GateDecided;
using history::GateOpened;
using history::StepKey;

namespace {

// Whose attempt is over with the event; nothing where none is.
const StepKey* ended_attempt(const history::Detail& detail) {
  return std::visit(
      [](const auto& event) -> const StepKey* {
        using Kind = std::decay_t<decltype(event)>;
        constexpr bool ends = std::is_same_v<Kind, history::StepCompleted> ||
                              std::is_same_v<Kind, history::StepFailed> ||
                              std::is_same_v<Kind, history::StepTimedOut> ||
                              std::is_same_v<Kind, history::StepCancelled> ||
                              std::is_same_v<Kind, history::StepLost>;
        if constexpr (ends) {
          return &event.key;
        } else {
          return nullptr;
        }
      },
      detail);
}

}  // namespace

void RunActor::ask(const steps::Step& step, steps::Question question) {
  const auto timeout_at = question.timeout.count() > 0 ? now() + question.timeout : Time();
  post({GateOpened{.key = std::move(question.gate),
                   .name = std::move(question.name),
                   .phase = step.phase,
                   .timeout_at = timeout_at,
                   .step = step.key,
                   .gate = std::move(question.said)}});
}

void RunActor::withdraw_question(const steps::Step&, const StepKey& gate) {
  post({GateCancelled{gate}});
}

std::optional<GateDecided> RunActor::answer(const steps::Step& step, const StepKey& gate) const {
  const auto open = state_.steps.find(step.key);
  if (open == state_.steps.end() || open->second.attempt != step.attempt) return std::nullopt;
  const auto answer = open->second.answers.find(gate);
  if (answer == open->second.answers.end() || answer->second.seq > committed_) return std::nullopt;
  return answer->second.decision;
}

Task<> RunActor::recorded_after(std::uint64_t seen) {
  while (committed_ <= seen) co_await committing_.wait();
}

// Before the event is applied.
RunActor::Details RunActor::withdrawn_questions(const history::Detail& ended) const {
  Details withdrawn;
  const auto* key = ended_attempt(ended);
  if (key == nullptr) return withdrawn;
  for (const auto& [gate, open] : state_.gates) {
    if (open.step == *key) withdrawn.emplace_back(GateCancelled{gate});
  }
  return withdrawn;
}

// Who decides names the gate; to whom the decision goes is for us to know.
GateDecided RunActor::addressed(GateDecided decision) const {
  const auto gate = state_.gates.find(decision.key);
  if (gate != state_.gates.end()) decision.step = gate->second.step;
  return decision;
}

}  // namespace agentcmd::runtime
