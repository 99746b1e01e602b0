#include "cli/waiting.h"

#include "base/text.h"
#include "history/history.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

std::optional<Time> until_of(Time timeout_at) {
  return timeout_at == Time() ? std::nullopt : std::optional(timeout_at);
}

OpenGate gate_of(const history::GateOpened& opened) {
  const auto said = parse_json(opened.gate.text, "gate");
  OpenGate gate{
      .key = opened.key,
      .name = opened.name,
      .title = said ? string_or(*said, "title") : std::string(),
      .body = said ? string_or(*said, "body") : std::string(),
      .options = {},
      .default_option = said ? string_or(*said, "default") : std::string(),
      .step = opened.step,
      .until = until_of(opened.timeout_at),
      .answered_by = {},
      .child = {},
  };
  if (!said) return gate;
  const auto options = said->find("options");
  if (options == said->end() || !options->is_array()) return gate;
  for (const auto& option : *options) {
    if (option.is_string()) gate.options.push_back(option.get<std::string>());
  }
  return gate;
}

std::string until_text(const std::optional<Time>& until) {
  return until ? fmt::format(" (until {})", to_iso8601(*until)) : "";
}

Json until_json(const std::optional<Time>& until) {
  return until ? Json(to_iso8601(*until)) : Json();
}

std::string gate_words(std::string_view verb, const history::RunId& run, const OpenGate& gate) {
  const auto& of = gate.child.text.empty() ? run : gate.child;
  return fmt::format("agentcmd {} {} {}", verb, of.text, shell_quoted(gate.key.text));
}

Json gate_json(const OpenGate& gate) {
  Json json{{"kind", "gate"},
            {"key", gate.key.text},
            {"name", gate.name},
            {"title", gate.title},
            {"body", gate.body.empty() ? Json() : Json(gate.body)},
            {"options", gate.options},
            {"step", gate.step.text.empty() ? Json() : Json(gate.step.text)},
            {"answered_by", gate.answered_by.empty() ? Json() : Json(gate.answered_by)},
            {"until", until_json(gate.until)}};
  if (!gate.child.text.empty()) json["run"] = gate.child.text;
  return json;
}

std::string child_of(const history::StepCheckpoint& checkpoint) {
  const auto data = parse_json(checkpoint.data.text, "checkpoint");
  return data && data->is_object() ? string_or(*data, "child") : std::string();
}

}  // namespace

void Waiting::apply(const history::Detail& detail) {
  if (history::is_end(detail)) {
    *this = {};
  } else if (const auto* opened = std::get_if<history::GateOpened>(&detail)) {
    gates[opened->key] = gate_of(*opened);
  } else if (const auto* decided = std::get_if<history::GateDecided>(&detail)) {
    end(decided->key);
  } else if (const auto* withdrawn = std::get_if<history::GateCancelled>(&detail)) {
    end(withdrawn->key);
  } else if (const auto* wait = std::get_if<history::WaitStarted>(&detail)) {
    waits[wait->key] = {wait->name, wait->event, until_of(wait->timeout_at)};
  } else if (const auto* matched = std::get_if<history::WaitMatched>(&detail)) {
    end(matched->key);
  } else if (const auto* late = std::get_if<history::WaitTimedOut>(&detail)) {
    end(late->key);
  } else if (const auto* given_up = std::get_if<history::WaitCancelled>(&detail)) {
    end(given_up->key);
  } else if (const auto* timer = std::get_if<history::TimerStarted>(&detail)) {
    timers[timer->key] = {timer->name, timer->fire_at};
  } else if (const auto* fired = std::get_if<history::TimerFired>(&detail)) {
    end(fired->key);
  } else if (const auto* stopped = std::get_if<history::TimerCancelled>(&detail)) {
    end(stopped->key);
  } else if (const auto* scheduled = std::get_if<history::StepScheduled>(&detail)) {
    steps.insert(scheduled->key);
  } else if (const auto* said = std::get_if<history::StepCheckpoint>(&detail)) {
    if (auto child = child_of(*said); !child.empty()) invoked[said->key] = {std::move(child)};
  } else if (const auto* completed = std::get_if<history::StepCompleted>(&detail)) {
    end(completed->key);
  } else if (const auto* failed = std::get_if<history::StepFailed>(&detail)) {
    if (!failed->retry) end(failed->key);
  } else if (const auto* timed_out = std::get_if<history::StepTimedOut>(&detail)) {
    end(timed_out->key);
  } else if (const auto* cancelled = std::get_if<history::StepCancelled>(&detail)) {
    end(cancelled->key);
  }
}

// Keys are unique among all four.
void Waiting::end(const history::StepKey& key) {
  gates.erase(key);
  waits.erase(key);
  timers.erase(key);
  steps.erase(key);
  invoked.erase(key);
}

std::vector<std::string> Waiting::lines() const {
  std::vector<std::string> lines;
  for (const auto& [key, gate] : gates) lines.push_back(describe(gate));
  for (const auto& [key, wait] : waits) {
    lines.push_back(
        fmt::format("event {} for '{}'{}", wait.event, wait.name, until_text(wait.until)));
  }
  for (const auto& [key, timer] : timers) {
    lines.push_back(fmt::format("timer '{}' (until {})", timer.name, to_iso8601(timer.until)));
  }
  for (const auto& gate : children.gates) lines.push_back(describe(gate));
  for (const auto& child : children.paused) {
    lines.push_back(fmt::format("run {}, which is paused: {}", child.run.text, child.message));
  }
  return lines;
}

Json Waiting::to_json() const {
  Json all = Json::array();
  for (const auto& [key, gate] : gates) {
    all.push_back(gate_json(gate));
  }
  for (const auto& [key, wait] : waits) {
    all.push_back({{"kind", "event"},
                   {"key", key.text},
                   {"name", wait.name},
                   {"event", wait.event},
                   {"until", until_json(wait.until)}});
  }
  for (const auto& [key, timer] : timers) {
    all.push_back({{"kind", "timer"},
                   {"key", key.text},
                   {"name", timer.name},
                   {"until", to_iso8601(timer.until)}});
  }
  for (const auto& gate : children.gates) all.push_back(gate_json(gate));
  for (const auto& child : children.paused) {
    all.push_back({{"kind", "child"}, {"run", child.run.text}, {"message", child.message}});
  }
  return all;
}

std::string describe(const OpenGate& gate) {
  const auto of = gate.child.text.empty() ? "" : " of run " + gate.child.text;
  if (gate.answered_by.empty()) {
    return fmt::format("approval '{}'{}: {}{}", gate.name, of, gate.title, until_text(gate.until));
  }
  return fmt::format("approval '{}'{}: answered by {}; a process has yet to take the answer",
                     gate.name, of, gate.answered_by);
}

std::string approve_command(const history::RunId& run, const OpenGate& gate) {
  auto words = gate_words("approve", run, gate);
  if (!gate.options.empty() && gate.default_option.empty()) {
    words += " --option " + shell_quoted(gate.options.front());
  }
  return words;
}

std::string deny_command(const history::RunId& run, const OpenGate& gate) {
  return gate_words("deny", run, gate);
}

}  // namespace agentcmd::cli
