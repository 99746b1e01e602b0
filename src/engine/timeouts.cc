#include "engine/timeouts.h"

#include "base/duration.h"
#include "base/json_slice.h"
#include "engine/decide.h"
#include "engine/run_state.h"

#include <fmt/format.h>

#include <chrono>

namespace agentcmd::engine {
namespace {

// Beyond it, clocks overflow.
constexpr Milliseconds longest = std::chrono::years(100);

std::optional<Milliseconds> duration_in(const JsonMembers& options, std::string_view name) {
  const auto text = options.find(name);
  const auto parsed = text ? parse_json(*text, name) : Result<Json>(Json());
  if (!parsed || !parsed->is_number() || parsed->get<double>() < 1) return std::nullopt;
  const auto wanted = std::min(parsed->get<double>(), static_cast<double>(longest.count()));
  return Milliseconds(static_cast<std::int64_t>(wanted));
}

std::string seen_of(const OpenStep& step, std::string_view which) {
  if (which == "queue") return "no slot became free";
  if (step.attempt == 0) return "it was never begun";
  const auto now = step.running ? fmt::format("attempt {} was running", step.attempt)
                                : fmt::format("attempt {} had ended", step.attempt);
  if (step.last_error.empty()) return now;
  return fmt::format("{}; the last error was: {}", now, step.last_error);
}

Milliseconds length_of(const OpenStep& step, std::string_view which) {
  if (which == "queue") return *step.timeouts.queue;
  return which == "total" ? *step.timeouts.total : *step.timeouts.attempt;
}

std::string run_timeout_text(const RunState& state) {
  return "its timeout of " + format_duration(Milliseconds(state.created.timeout));
}

}  // namespace

StepTimeouts step_timeouts(const JsonText& input) {
  // Most steps have no options; their input may be long.
  if (!input.text.starts_with('{') || input.text.ends_with(R"("options":{}})")) return {};
  const auto text = find_member(input.text, "options");
  if (!text || !text->starts_with('{')) return {};
  const JsonMembers options(*text);
  return {.queue = duration_in(options, "queueTimeout"),
          .attempt = duration_in(options, "timeout"),
          .total = duration_in(options, "totalTimeout")};
}

std::optional<StepDeadline> deadline_of(const OpenStep& step) {
  std::optional<StepDeadline> first;
  const auto consider = [&first](std::string_view which, Time at) {
    if (!first || at < first->at) first = {.which = which, .at = at};
  };
  const auto& timeouts = step.timeouts;
  if (timeouts.total) consider("total", step.scheduled_at + step.held + *timeouts.total);
  // A lost step waits for people, or for its probe, before it waits for a slot.
  if (timeouts.queue && !step.running && step.lost_policy.empty()) {
    consider("queue", step.retry_at.value_or(step.scheduled_at + step.held) + *timeouts.queue);
  }
  if (timeouts.attempt && step.running && step.type == closure_type) {
    consider("attempt", step.started_at + *timeouts.attempt);
  }
  return first;
}

history::Failure timeout_failure(const history::StepKey& key, const OpenStep& step,
                                 std::string_view which) {
  return {.name = "TimeoutError",
          .message = fmt::format("step '{}' exceeded its {} timeout of {}: {}", key.text, which,
                                 format_duration(length_of(step, which)), seen_of(step, which)),
          .final = which != "attempt",
          .timeout = std::string(which)};
}

std::optional<Time> deadline_of(const RunState& state) {
  if (state.created.timeout == 0 || !state.started || state.cancel_requested) return std::nullopt;
  return state.started_at + state.held + Milliseconds(state.created.timeout);
}

history::RunCancelRequested run_timed_out(const RunState& state) {
  return {.by = run_timeout_text(state), .timeout = true};
}

history::RunFailed end_of_timed_out(const RunState& state) {
  return {.failure = {
              .name = "TimeoutError",
              .message = fmt::format("The run took longer than {}, and its clean-up did not end",
                                     run_timeout_text(state)),
              .timeout = "run"}};
}

}  // namespace agentcmd::engine
