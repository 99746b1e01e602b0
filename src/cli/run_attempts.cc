#include "cli/run_attempts.h"

#include "base/duration.h"
#include "base/text.h"
#include "steps/step.h"

#include <fmt/format.h>

namespace agentcmd::cli {

void RunAttempts::apply(const history::Event& event) {
  const auto& detail = event.detail;
  if (const auto* started = std::get_if<history::StepStarted>(&detail)) {
    attempts_[started->key].push_back({.number = started->attempt, .started_at = event.at});
  } else if (const auto* completed = std::get_if<history::StepCompleted>(&detail)) {
    const auto* attempt = last(completed->key);
    const bool probed = attempt != nullptr && attempt->outcome == "lost";
    end(completed->key, event.at, "completed",
        probed               ? "lost, and found done by its probe"
        : completed->success ? ""
                             : "its result is no success");
  } else if (const auto* failed = std::get_if<history::StepFailed>(&detail)) {
    const bool is_lost = failed->failure.name == "LostError";
    if (!is_lost) {
      end(failed->key, event.at, failed->failure.timeout.empty() ? "failed" : "timed_out",
          failed->failure.message);
    }
    auto* attempt = last(failed->key);
    if (attempt != nullptr && failed->retry_at != Time()) attempt->retry_at = failed->retry_at;
  } else if (const auto* late = std::get_if<history::StepTimedOut>(&detail)) {
    end(late->key, event.at, "timed_out", late->failure.message);
  } else if (const auto* cancelled = std::get_if<history::StepCancelled>(&detail)) {
    end(cancelled->key, event.at, "cancelled", "");
  } else if (const auto* lost = std::get_if<history::StepLost>(&detail)) {
    end(lost->key, event.at, "lost", lost->reason);
    if (auto* attempt = last(lost->key)) attempt->cause = lost->reason;
  }
}

const std::vector<AttemptFacts>& RunAttempts::of(const history::StepKey& step) const {
  static const std::vector<AttemptFacts> none;
  const auto found = attempts_.find(step);
  return found == attempts_.end() ? none : found->second;
}

AttemptFacts* RunAttempts::last(const history::StepKey& step) {
  const auto found = attempts_.find(step);
  return found == attempts_.end() ? nullptr : &found->second.back();
}

// What ended before stays as it was: a step may time out while it waits for its next attempt. But a
// lost attempt may turn out to have done its work.
void RunAttempts::end(const history::StepKey& step, Time at, std::string outcome,
                      std::string cause) {
  auto* attempt = last(step);
  if (attempt == nullptr) return;
  const bool is_found = attempt->outcome == "lost" && outcome == "completed";
  if (attempt->ended_at && !is_found) return;
  attempt->ended_at = at;
  attempt->outcome = std::move(outcome);
  attempt->cause = std::move(cause);
}

Json to_json(const AttemptFacts& attempt, const history::StepKey& step,
             const std::filesystem::path& logs) {
  const auto folder = logs / steps::folder_name(step) / std::to_string(attempt.number);
  const auto& ended = attempt.ended_at;
  return {{"attempt", attempt.number},
          {"outcome", attempt.outcome},
          {"cause", attempt.cause.empty() ? Json() : Json(attempt.cause)},
          {"started_at", to_iso8601(attempt.started_at)},
          {"ended_at", ended ? Json(to_iso8601(*ended)) : Json()},
          {"duration_ms", ended ? Json((*ended - attempt.started_at).count()) : Json()},
          {"retry_at", attempt.retry_at ? Json(to_iso8601(*attempt.retry_at)) : Json()},
          {"logs", std::filesystem::exists(folder) ? Json(folder.string()) : Json()}};
}

std::string describe(const AttemptFacts& attempt) {
  auto text = fmt::format("attempt {}  {}", attempt.number, attempt.outcome);
  if (attempt.ended_at) {
    text += " after " + format_duration(*attempt.ended_at - attempt.started_at);
  }
  if (attempt.retry_at) text += ", tried again";
  if (!attempt.cause.empty()) text += ": " + attempt.cause;
  return text;
}

}  // namespace agentcmd::cli
