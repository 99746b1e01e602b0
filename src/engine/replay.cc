#include "engine/replay.h"

#include "base/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::engine {

using history::Activation;
using history::CancelJob;
using history::Command;
using history::Detail;
using history::Event;
using history::EventJob;
using history::EventReceived;
using history::GateDecided;
using history::GateDecidedJob;
using history::GateOpened;
using history::Job;
using history::RunCancelRequested;
using history::RunCreated;
using history::RunId;
using history::RunPaused;
using history::RunStarted;
using history::ScheduleStep;
using history::StartGate;
using history::StartJob;
using history::StartTimer;
using history::StartWait;
using history::StepCompleted;
using history::StepFailed;
using history::StepRejectedJob;
using history::StepResolvedJob;
using history::StepScheduled;
using history::StepTimedOut;
using history::TimerFired;
using history::TimerFiredJob;
using history::TimerStarted;
using history::WaitStarted;
using history::WaitTimedOut;
using history::WaitTimedOutJob;

namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

Json to_json(const std::optional<Asked>& asked) {
  if (!asked) return nullptr;
  Json json{{"kind", asked->kind}, {"key", asked->key}, {"type", asked->type}};
  if (!asked->place.empty()) json["place"] = asked->place;
  return json;
}

std::string describe_or_nothing(const std::optional<Asked>& asked) {
  return asked ? describe(*asked) : "nothing more";
}

}  // namespace

bool is_job(const Detail& detail) {
  if (const auto* failed = std::get_if<StepFailed>(&detail)) return !failed->retry;
  if (const auto* decided = std::get_if<GateDecided>(&detail)) return decided->step.text.empty();
  return std::holds_alternative<RunStarted>(detail) ||
         std::holds_alternative<StepCompleted>(detail) ||
         std::holds_alternative<StepTimedOut>(detail) ||
         std::holds_alternative<TimerFired>(detail) ||
         std::holds_alternative<EventReceived>(detail) ||
         std::holds_alternative<WaitTimedOut>(detail) ||
         std::holds_alternative<RunCancelRequested>(detail);
}

Job job_of(const RunId& run, const Event& event, const RunCreated& created) {
  const auto what = std::visit(
      Overloaded{
          [&](const RunStarted&) -> decltype(Job::what) {
            const bool knows_itself = (event.flags & flag_run_id) != 0;
            return StartJob{.run = knows_itself ? run : RunId{},
                            .run_name = created.name,
                            .project = created.project,
                            .seed = created.seed,
                            .request = created.request};
          },
          [](const StepCompleted& step) -> decltype(Job::what) {
            return StepResolvedJob{.key = step.key, .output = step.output};
          },
          [](const StepFailed& step) -> decltype(Job::what) {
            return StepRejectedJob{.key = step.key, .failure = step.failure};
          },
          [](const StepTimedOut& step) -> decltype(Job::what) {
            return StepRejectedJob{.key = step.key, .failure = step.failure};
          },
          [](const TimerFired& timer) -> decltype(Job::what) { return TimerFiredJob{timer.key}; },
          [](const EventReceived& event) -> decltype(Job::what) {
            return EventJob{.event = event.event,
                            .name = event.name,
                            .wait = event.wait,
                            .sent_at = event.sent_at,
                            .data = event.data};
          },
          [](const WaitTimedOut& wait) -> decltype(Job::what) { return WaitTimedOutJob{wait.key}; },
          [](const GateDecided& gate) -> decltype(Job::what) {
            return GateDecidedJob{.key = gate.key,
                                  .approved = gate.approved,
                                  .timed_out = gate.timed_out,
                                  .option = gate.option,
                                  .by = gate.by,
                                  .reason = gate.reason};
          },
          [](const RunCancelRequested& request) -> decltype(Job::what) {
            if (!request.timeout) return CancelJob{.reason = request.by};
            return CancelJob{.reason = "The run took longer than " + request.by, .timeout = true};
          },
          [&](const auto&) -> decltype(Job::what) {
            AGENTCMD_CHECK(false, "event {} is no job", event.seq);
            return CancelJob{};
          },
      },
      event.detail);
  return {.at = event.at, .what = what};
}

std::string describe(const Asked& asked) {
  if (asked.type.empty()) return fmt::format("{} '{}'", asked.kind, asked.key);
  return fmt::format("{} '{}' ({})", asked.kind, asked.key, asked.type);
}

std::vector<Asked> asked_in(const std::vector<Event>& events) {
  std::vector<Asked> asked;
  for (const auto& event : events) {
    if (const auto* step = std::get_if<StepScheduled>(&event.detail)) {
      asked.push_back({.kind = "step", .key = step->key.text, .type = step->type});
    } else if (const auto* timer = std::get_if<TimerStarted>(&event.detail)) {
      asked.push_back({.kind = "timer", .key = timer->key.text, .type = {}});
    } else if (const auto* wait = std::get_if<WaitStarted>(&event.detail)) {
      asked.push_back({.kind = "wait", .key = wait->key.text, .type = wait->event});
    } else if (const auto* gate = std::get_if<GateOpened>(&event.detail);
               gate != nullptr && gate->step.text.empty()) {
      asked.push_back({.kind = "gate", .key = gate->key.text, .type = {}});
    }
  }
  return asked;
}

std::vector<Asked> asked_in(const std::vector<Command>& commands) {
  std::vector<Asked> asked;
  for (const auto& command : commands) {
    if (const auto* step = std::get_if<ScheduleStep>(&command)) {
      asked.push_back(
          {.kind = "step", .key = step->key.text, .type = step->type, .place = step->place});
    } else if (const auto* timer = std::get_if<StartTimer>(&command)) {
      asked.push_back({.kind = "timer", .key = timer->key.text, .type = {}, .place = timer->place});
    } else if (const auto* wait = std::get_if<StartWait>(&command)) {
      asked.push_back(
          {.kind = "wait", .key = wait->key.text, .type = wait->event, .place = wait->place});
    } else if (const auto* gate = std::get_if<StartGate>(&command)) {
      asked.push_back({.kind = "gate", .key = gate->key.text, .type = {}, .place = gate->place});
    }
  }
  return asked;
}

std::optional<Mismatch> compare(const std::vector<Asked>& recorded,
                                const std::vector<Asked>& found) {
  const auto [expected, actual] = std::ranges::mismatch(recorded, found);
  if (expected == recorded.end() && actual == found.end()) return std::nullopt;
  Mismatch mismatch{.index = static_cast<std::size_t>(expected - recorded.begin())};
  if (expected != recorded.end()) mismatch.expected = *expected;
  if (actual != found.end()) mismatch.found = *actual;
  return mismatch;
}

std::string describe(const Mismatch& mismatch) {
  auto text =
      fmt::format("command {}: recorded was {}, the code now asks for {}", mismatch.index + 1,
                  describe_or_nothing(mismatch.expected), describe_or_nothing(mismatch.found));
  if (mismatch.found && !mismatch.found->place.empty()) text += " at " + mismatch.found->place;
  return text;
}

Json to_json(const Mismatch& mismatch) {
  return {{"index", mismatch.index},
          {"expected", to_json(mismatch.expected)},
          {"found", to_json(mismatch.found)}};
}

std::uint64_t last_seen(const RunState& state) {
  return state.unseen.empty() ? state.seq : state.unseen.front().seq - 1;
}

Activation replay_of(const RunId& run, const RunState& state, std::span<const Event> events,
                     std::string code_hash) {
  Activation activation{
      .run = run, .code_hash = std::move(code_hash), .replaying = true, .patches = state.patches};
  const auto seen = last_seen(state);
  for (const auto& event : events) {
    if (event.seq > seen) break;
    if (is_job(event.detail)) activation.jobs.push_back(job_of(run, event, state.created));
  }
  return activation;
}

RunPaused pause_for(const Mismatch& mismatch) {
  const auto message = fmt::format(
      "The code no longer does what the history of this run says. At {}. Nothing was done by it. "
      "Mend the definition so that it does what was recorded, then `agentcmd runs resume --code "
      "now`; or start a new run.",
      describe(mismatch));
  return {.reason = "nondeterminism", .message = message, .detail = {to_text(to_json(mismatch))}};
}

}  // namespace agentcmd::engine
