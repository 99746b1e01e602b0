// What becomes of a step whose attempt was lost: its process, or the driver or worker that ran its
// closure, is gone and has left no result.

#include "base/duration.h"
#include "base/limits.h"
#include "engine/decide.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::runtime {

using history::ClosureEnd;
using history::ProbeJob;
using history::RunPaused;
using history::StepCancelled;
using history::StepCompleted;
using history::StepFailed;
using history::StepKey;
using history::StepLost;
using history::StepStarted;
using steps::OnLost;

namespace {

std::string times_in_a_row(std::uint32_t losses) {
  return losses == 1 ? "" : fmt::format(" (lost {} times in a row)", losses);
}

// Of the step's options, else of its type. A probe needs a closure; that of a type has looked
// already when it says that the attempt is lost.
OnLost policy_of(const engine::OpenStep& step, const steps::StepType* type) {
  const auto input = parse_trusted(step.input.text, "input of a step");
  const auto found = input.find("options");
  const Json options = found != input.end() && found->is_object() ? *found : Json::object();
  auto policy = step.type == engine::closure_type ? OnLost::retry : OnLost::ask;
  if (type != nullptr) policy = type->on_lost;
  if (const auto asked = steps::on_lost_from(string_or(options, "onLost"))) policy = *asked;
  return policy == OnLost::probe && !bool_or(options, "probe") ? OnLost::ask : policy;
}

}  // namespace

// It is recorded as lost, whatever comes next, and never silently repeated. One that is lost again
// and again may be the reason why we end: somebody should look.
RunActor::Details RunActor::lost(const StepKey& key, std::uint32_t attempt,
                                 const std::string& reason) {
  if (asked_to_stop_.contains(key)) {
    return {StepLost{.key = key, .attempt = attempt, .reason = reason, .policy = "fail"},
            StepCancelled{key}};
  }
  const auto& step = state_.steps.at(key);
  const bool too_often = step.losses + 1 >= limits::losses_in_a_row_max;
  auto policy = policy_of(step, services_.machine.find_step_type(step.type));
  if (too_often && policy != OnLost::fail) policy = OnLost::ask;
  Details details{StepLost{.key = key,
                           .attempt = attempt,
                           .reason = reason,
                           .policy = std::string(steps::to_string(policy))}};
  switch (policy) {
    case OnLost::retry:
    case OnLost::resume:
      details.emplace_back(begin_again(key, attempt));
      break;
    case OnLost::probe:
      break;  // begins with the commit of the loss
    case OnLost::ask:
      details.emplace_back(ask_about_loss(key, attempt, reason, step.losses + 1));
      break;
    case OnLost::fail:
      details.emplace_back(
          StepFailed{.key = key,
                     .attempt = attempt,
                     .failure = {.name = "LostError",
                                 .message = fmt::format("step '{}' was running, and {}; nobody can "
                                                        "tell how far it came",
                                                        key.text, reason),
                                 .final = true}});
      break;
  }
  return details;
}

StepStarted RunActor::begin_again(const StepKey& key, std::uint32_t lost_attempt) {
  const auto kind = slot_of(state_.steps.at(key).type);
  services_.slots.take(kind);
  granted_[key] = kind;
  return {.key = key, .attempt = lost_attempt + 1};
}

RunPaused RunActor::ask_about_loss(const StepKey& key, std::uint32_t attempt,
                                   const std::string& reason, std::uint32_t losses) {
  return {
      .reason = "lost",
      .message = fmt::format("Step '{}' was running, and {}{}. Nobody can tell how far it came. "
                             "Resuming the run begins the step again from its start; look "
                             "first at what it may have done already.",
                             key.text, reason, times_in_a_row(losses)),
      .detail = {to_text({{"step", key.text}, {"attempt", attempt}, {"losses", losses}})}};
}

// The step's own closure looks whether it happened.
void RunActor::start_probe(const StepKey& key) {
  const auto& step = state_.steps.at(key);
  if (state_.paused || step.running || step.lost_policy != "probe") return;
  closures_.begin(key, {.attempt = step.attempt, .is_probe = true, .since = services_.clock.now()});
  closure_jobs_.push_back({.at = last_at_, .what = ProbeJob{.key = key, .attempt = step.attempt}});
  news_.notify();
}

bool RunActor::is_probing(const StepKey& key, std::uint32_t attempt) const {
  const auto step = state_.steps.find(key);
  return step != state_.steps.end() && !step->second.running && step->second.attempt == attempt &&
         step->second.lost_policy == "probe";
}

// What the probe found: done, with a result; not done; or nothing that it could tell.
RunActor::Details RunActor::probe_ended(const ClosureEnd& end) {
  if (!is_probing(end.key, end.attempt)) return {};
  if (end.threw) {
    return probe_failed(end.key, end.attempt, "its probe threw: " + end.failure.message);
  }
  const auto found = parse_trusted(end.output.text, "answer of a probe");
  if (!bool_or(found, "done")) return {begin_again(end.key, end.attempt)};
  return {StepCompleted{.key = end.key,
                        .attempt = end.attempt,
                        .success = bool_or(found, "success", true),
                        .output = {string_or(found, "output", "null")}}};
}

RunActor::Details RunActor::probe_failed(const StepKey& key, std::uint32_t attempt,
                                         const std::string& why) {
  if (!is_probing(key, attempt)) return {};
  const auto& step = state_.steps.at(key);
  const auto reason = step.last_error + "; " + why;
  return {StepLost{.key = key, .attempt = attempt, .reason = reason, .policy = "ask"},
          ask_about_loss(key, attempt, reason, step.losses)};
}

}  // namespace agentcmd::runtime
