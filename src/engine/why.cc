#include "engine/why.h"

#include "base/duration.h"
#include "base/limits.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::engine {

using history::StepKey;

namespace {

std::string approval(const StepKey& key, const OpenGate& gate) {
  const auto said = parse_trusted(gate.gate.text, "gate");
  return fmt::format("approval '{}': {}", key.text, string_or(said, "title"));
}

class Explainer {
 public:
  Explainer(const RunState& state, const WhyFacts& facts) : state_(state), facts_(facts) {}

  Why take() {
    if (state_.end) return std::move(why_);
    if (state_.paused) {
      pause(*state_.paused);
    } else if (!facts_.driven) {
      no_driver();
    }
    if (state_.cancel_requested) cancellation();
    for (const auto& [key, step] : state_.steps) open_step(key, step);
    for (const auto& [key, timer] : state_.timers) open_timer(key, timer);
    for (const auto& [key, wait] : state_.waits) open_wait(key, wait);
    for (const auto& [key, gate] : state_.gates) open_gate(key, gate);
    const bool has_something_open = !state_.steps.empty() || !state_.timers.empty() ||
                                    !state_.waits.empty() || !state_.gates.empty();
    if (!state_.paused && !has_something_open) nothing_open();
    return std::move(why_);
  }

 private:
  WaitsFor& add(std::string what, const StepKey& key, std::string text) {
    why_.waits.push_back({.what = std::move(what), .key = key, .text = std::move(text)});
    return why_.waits.back();
  }

  std::string runs_command(std::string_view command, std::string_view more = "") const {
    return fmt::format("agentcmd runs {} {}{}", command, facts_.run.text, more);
  }

  std::string ago(Time since) const {
    return format_duration(std::max(facts_.now - since, Milliseconds(0)));
  }

  std::string at(Time when) const {
    if (when <= facts_.now) return fmt::format("{} ({} ago)", to_iso8601(when), ago(when));
    return fmt::format("{} (in {})", to_iso8601(when), format_duration(when - facts_.now));
  }

  // Nothing but the driver can bring it about, and it has had the time.
  void expect(const StepKey& key, std::string_view what, std::optional<Time> when) {
    if (!when || !facts_.driven || state_.paused) return;
    if (facts_.now < *when + limits::overdue_max) return;
    why_.stuck.push_back(fmt::format("{} '{}' was due at {}, and nothing has come of it", what,
                                     key.text, at(*when)));
  }

  // Steps do not wait for the clock, but for their driver to do something for them.
  void expect_held(const StepKey& key) {
    if (state_.paused || !facts_.held || facts_.held->contains(key)) return;
    why_.stuck.push_back(
        fmt::format("step '{}' is open, and its driver does nothing for it", key.text));
  }

  void pause(const history::RunPaused& paused) {
    auto& waits =
        add("pause", {}, fmt::format("The run is paused ({}): {}", paused.reason, paused.message));
    waits.detail = paused.detail.text.empty() ? Json() : parse_trusted(paused.detail.text, "pause");
    if (paused.reason == "nondeterminism") {
      waits.commands.push_back(runs_command("resume", " --code now"));
      waits.commands.push_back("agentcmd definitions check --against-live");
    } else {
      waits.commands.push_back(runs_command("resume"));
    }
    waits.commands.push_back(runs_command("cancel"));
  }

  void no_driver() {
    auto& waits = add("driver", {},
                      "No process drives the run: the one that did has ended. Nothing of it is "
                      "lost, and what it had started may still be running.");
    waits.commands = {runs_command("resume"), "agentcmd worker"};
  }

  void cancellation() {
    const auto latest = state_.cancel_requested_at + limits::cancel_grace;
    auto& waits = add("cancellation", {},
                      fmt::format("The run is being cancelled since {}; clean-up may take until {}",
                                  at(state_.cancel_requested_at), to_iso8601(latest)));
    waits.since = state_.cancel_requested_at;
    waits.until = latest;
    waits.commands = {runs_command("cancel")};
    if (facts_.driven && facts_.now >= latest + limits::overdue_max) {
      why_.stuck.push_back(
          fmt::format("the run should have been cancelled by {}, clean-up or not", at(latest)));
    }
  }

  void open_step(const StepKey& key, const OpenStep& step) {
    const auto name = fmt::format("Step '{}' ({})", key.text, step.type);
    if (state_.memo.contains(key)) {
      add("end", key, fmt::format("{} takes its result over from a former run", name));
    } else if (step.running) {
      running_step(key, step, name);
    } else if (!step.lost_policy.empty()) {
      lost_step(key, step, name);
    } else if (step.failures > 0) {
      retried_step(key, step, name);
    } else {
      queued_step(key, step, name);
    }
  }

  void running_step(const StepKey& key, const OpenStep& step, const std::string& name) {
    const auto child = child_of(step);
    if (!child.empty()) {
      auto& waits = add("child", key, fmt::format("{} waits for run {}", name, child));
      waits.since = step.started_at;
      waits.commands = {"agentcmd runs why " + child};
      return;
    }
    expect_held(key);
    auto text = facts_.driven ? fmt::format("{} runs since {}", name, at(step.started_at))
                              : fmt::format("{} was begun at {}", name, at(step.started_at));
    if (step.attempt > 1) text += fmt::format(", attempt {}", step.attempt);
    auto& waits = add("step", key, std::move(text));
    waits.since = step.started_at;
    waits.commands = {runs_command("logs", fmt::format(" --step {}", shell_quoted(key.text)))};
  }

  static std::string child_of(const OpenStep& step) {
    if (step.type != "invoke" || !step.checkpoint) return {};
    return string_or(parse_trusted(step.checkpoint->text, "checkpoint"), "child");
  }

  void lost_step(const StepKey& key, const OpenStep& step, const std::string& name) {
    const auto* again = step.lost_policy == "probe" ? "its probe is asked whether it happened"
                        : state_.paused             ? "it begins again when the run is resumed"
                                                    : "its next attempt is about to begin";
    add("lost", key, fmt::format("{} was lost in attempt {}; {}", name, step.attempt, again));
  }

  void retried_step(const StepKey& key, const OpenStep& step, const std::string& name) {
    const auto failed = fmt::format(
        "{} failed {}", name,
        step.failures == 1 ? std::string("once") : fmt::format("{} times", step.failures));
    if (!step.retry_at) {
      add("retry", key, fmt::format("{}; it is tried again when the run is resumed", failed));
      return;
    }
    auto& waits = add("retry", key,
                      fmt::format("{}; the next attempt begins at {}", failed, at(*step.retry_at)));
    waits.until = step.retry_at;
    // A free slot is waited for as long as it takes.
    if (!facts_.queued.contains(key)) expect(key, "the next attempt of step", step.retry_at);
  }

  void queued_step(const StepKey& key, const OpenStep& step, const std::string& name) {
    expect_held(key);
    auto& waits = add("queue", key,
                      fmt::format("{} waits for its turn since {}", name, at(step.scheduled_at)));
    waits.since = step.scheduled_at;
    const auto place = facts_.queued.find(key);
    if (place != facts_.queued.end()) waits.text += in_queue(place->second);
  }

  static std::string in_queue(const QueuePlace& queue) {
    std::string text;
    if (queue.place > 0) text += fmt::format(", at place {}", queue.place);
    if (!queue.limit.empty()) text += fmt::format(": {}", queue.limit);
    return text;
  }

  void open_timer(const StepKey& key, const OpenTimer& timer) {
    auto& waits =
        add("timer", key, fmt::format("Timer '{}' is due at {}", key.text, at(timer.fire_at)));
    waits.until = timer.fire_at;
    expect(key, "timer", timer.fire_at);
  }

  std::string until(std::optional<Time> timeout_at) const {
    return timeout_at ? fmt::format("; it gives up at {}", at(*timeout_at)) : "";
  }

  void open_wait(const StepKey& key, const OpenWait& wait) {
    auto& waits = add("event", key,
                      fmt::format("Step '{}' waits for the event '{}'{}", key.text, wait.event,
                                  until(wait.timeout_at)));
    waits.until = wait.timeout_at;
    waits.commands = {fmt::format("agentcmd events send {} --data JSON", shell_quoted(wait.event))};
    expect(key, "the time-out of the wait", wait.timeout_at);
  }

  void answered_gate(const StepKey& key, const std::string& by) {
    const auto next = facts_.driven ? "the process that drives the run has not taken it yet"
                                    : "no process drives the run to take it";
    auto& waits =
        add("gate", key,
            fmt::format("Approval '{}' is answered already, by {}; {}", key.text, by, next));
    if (!facts_.driven) waits.commands.push_back(runs_command("resume"));
  }

  void open_gate(const StepKey& key, const OpenGate& gate) {
    if (const auto by = facts_.answered.find(key); by != facts_.answered.end()) {
      answered_gate(key, by->second);
      return;
    }
    const auto said = parse_trusted(gate.gate.text, "gate");
    auto& waits =
        add("gate", key,
            fmt::format("The run waits for {}{}", approval(key, gate), until(gate.timeout_at)));
    waits.until = gate.timeout_at;
    const auto step = shell_quoted(key.text);
    const auto options = said.find("options");
    if (options != said.end() && options->is_array()) {
      for (const auto& option : *options) {
        if (!option.is_string()) continue;
        waits.commands.push_back(fmt::format("agentcmd approve {} {} --option {}", facts_.run.text,
                                             step, shell_quoted(option.get<std::string>())));
      }
    }
    if (waits.commands.empty()) {
      waits.commands.push_back(fmt::format("agentcmd approve {} {}", facts_.run.text, step));
    }
    waits.commands.push_back(fmt::format("agentcmd deny {} {}", facts_.run.text, step));
    expect(key, "the time-out of gate", gate.timeout_at);
  }

  void nothing_open() {
    if (!state_.started && facts_.run_place) {
      add("turn", {}, "The run waits for its turn" + in_queue(*facts_.run_place));
      return;
    }
    if (!facts_.driven) return;  // that is what it waits for
    if (!state_.started) {
      add("begin", {}, fmt::format("The run is about to begin ({})", facts_.driver));
    } else {
      add("end", {}, fmt::format("The run is about to go on or to end ({})", facts_.driver));
    }
    if (facts_.now >= facts_.last_event_at + limits::overdue_max) {
      why_.stuck.push_back(fmt::format(
          "nothing is open and nothing has happened since {}: no step, timer, event or answer "
          "will make the run go on",
          at(facts_.last_event_at)));
    }
  }

  const RunState& state_;
  const WhyFacts& facts_;
  Why why_;
};

}  // namespace

std::vector<std::string> open_gates(const RunState& state) {
  std::vector<std::string> lines;
  lines.reserve(state.gates.size());
  for (const auto& [key, gate] : state.gates) lines.push_back(approval(key, gate));
  return lines;
}

Why why(const RunState& state, const WhyFacts& facts) {
  return Explainer(state, facts).take();
}

std::optional<Time> stuck_from(const RunState& state, Time last_event_at) {
  if (state.end || state.paused) return std::nullopt;
  std::optional<Time> first;
  const auto consider = [&first](std::optional<Time> due) {
    if (due && (!first || *due < *first)) first = due;
  };
  if (state.cancel_requested) consider(state.cancel_requested_at + limits::cancel_grace);
  for (const auto& [key, step] : state.steps) consider(step.retry_at);
  for (const auto& [key, timer] : state.timers) consider(timer.fire_at);
  for (const auto& [key, wait] : state.waits) consider(wait.timeout_at);
  for (const auto& [key, gate] : state.gates) consider(gate.timeout_at);
  const bool nothing_open =
      state.steps.empty() && state.timers.empty() && state.waits.empty() && state.gates.empty();
  if (nothing_open) consider(last_event_at);
  if (!first) return std::nullopt;
  return *first + limits::overdue_max;
}

}  // namespace agentcmd::engine
