// runs list, show, history: the commands that only read.

#include "base/duration.h"
#include "base/text.h"
#include "cli/answered_gates.h"
#include "cli/child_waits.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/interrupted.h"
#include "cli/progress.h"
#include "cli/run_json.h"
#include "cli/summary.h"
#include "cli/text_width.h"
#include "history/codec.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::cli {
namespace {

constexpr auto ok = static_cast<int>(ExitCode::ok);

std::optional<store::RunStatus> status_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(store::RunStatus::cancelled); ++i) {
    const auto status = static_cast<store::RunStatus>(i);
    if (store::to_string(status) == name) return status;
  }
  return std::nullopt;
}

std::string padded(std::string_view text, std::size_t width) {
  auto shown = cut_to_width(printable(text), width);
  shown.append(width - std::min(width, display_width(shown)), ' ');
  return shown;
}

std::string duration_of(const std::optional<Time>& from, const std::optional<Time>& to, Time now) {
  if (!from) return "";
  return format_duration(std::max(to.value_or(now) - *from, Milliseconds(0)));
}

std::string status_of(const store::RunRow& run, bool interrupted) {
  return interrupted ? "interrupted" : std::string(store::to_string(run.status));
}

// "approval 'deploy', timer 'nap'"
std::string waits_for(const std::vector<store::StepRow>& steps) {
  std::vector<std::string> waits;
  for (const auto& step : steps) {
    if (step.status != store::StepStatus::waiting) continue;
    const auto kind = step.type == "approve"        ? "approval"
                      : step.type == "waitForEvent" ? "event"
                      : step.type == "sleep"        ? "timer"
                                                    : "another attempt of";
    waits.push_back(fmt::format("{} '{}'", kind, step.name));
  }
  return join(waits, ", ");
}

Task<std::string> waits_of(Services& services, store::RunRow run) {
  if (run.status != store::RunStatus::waiting) co_return "";
  co_return waits_for(co_await services.store().catalog().steps(run.id));
}

void print_run_line(Services& services, const store::RunRow& run, const std::string& waits) {
  const auto status = status_of(run, is_interrupted(services, run));
  auto line =
      fmt::format("{}  {}  {}  {}  {}", run.id.text, padded(status, 11), padded(run.definition, 20),
                  to_iso8601(run.created_at).substr(0, 19),
                  padded(duration_of(run.started_at, run.ended_at, services.clock.now()), 8));
  if (run.name != run.definition) line += "  " + printable(run.name);
  if (!waits.empty()) line += "  waits for " + printable(waits);
  services.output.line(line);
}

std::string_view sign_of(store::StepStatus status, bool success) {
  switch (status) {
    case store::StepStatus::completed:
      return success ? "ok" : "no success";
    case store::StepStatus::queued:
    case store::StepStatus::running:
    case store::StepStatus::waiting:
    case store::StepStatus::failed:
    case store::StepStatus::timed_out:
    case store::StepStatus::cancelled:
    case store::StepStatus::lost:
      return store::to_string(status);
  }
  return "";
}

// Attempts are listed where there is more to say than the step's own line does.
void print_attempts(Services& services, const std::vector<AttemptFacts>& attempts) {
  const bool plain = attempts.size() == 1 && attempts[0].outcome == "completed";
  if (attempts.empty() || plain) return;
  constexpr std::size_t line_bytes_max = 400;
  for (const auto& attempt : attempts) {
    services.output.line("      " + ellipsis(printable(describe(attempt)), line_bytes_max));
  }
}

void print_step(Services& services, const store::StepRow& step, const RunFacts& facts) {
  auto line = fmt::format(
      "  {}  {}  {}  {}", padded(sign_of(step.status, step.success), 10), padded(step.type, 9),
      padded(duration_of(step.started_at, step.ended_at, services.clock.now()), 8),
      printable(step.key.text));
  if (step.attempts > 1) line += fmt::format("  ({} attempts)", step.attempts);
  if (!step.error.empty()) line += "  " + printable(step.error);
  if (const auto said = facts.progress.find(step.key); said != facts.progress.end()) {
    line += "  " + progress_text(said->second);
  }
  services.output.line(line);
}

Ending ending_of(const store::RunRow& run, bool interrupted, const RunFacts& facts) {
  Ending ending;
  ending.run = run.id;
  ending.status = run.status;
  ending.message = facts.paused_message.empty() ? run.reason : facts.paused_message;
  ending.interrupted = interrupted;
  return ending;
}

// Both ends of the links between a run and its retries and forks.
void print_links(Output& output, const store::RunRow& run,
                 const std::vector<store::RunRow>& forks) {
  if (!run.forked_from.empty()) {
    const auto at = run.forked_at.empty() ? "" : " from " + printable(run.forked_at);
    output.line(fmt::format("  {:<9} {}{}", run.origin + " of", run.forked_from, at));
  }
  for (const auto& fork : forks) {
    const auto at = fork.forked_at.empty() ? "" : " from " + printable(fork.forked_at);
    output.line(fmt::format("  {:<9} {}{} ({})", fork.origin == "retry" ? "retried" : "forked",
                            fork.id.text, at, store::to_string(fork.status)));
  }
}

void print_run(Services& services, const store::RunRow& run,
               const std::vector<store::StepRow>& steps, const std::vector<store::RunRow>& forks,
               const RunFacts& facts) {
  auto& output = services.output;
  const bool interrupted = is_interrupted(services, run);
  output.line(
      fmt::format("{} {}  {}", run.id.text, status_of(run, interrupted), printable(run.name)));
  output.line(fmt::format("  project   {}", run.project));
  output.line(fmt::format("  file      {}", run.file));
  output.line(fmt::format("  created   {}", to_iso8601(run.created_at)));
  print_links(output, run, forks);
  if (!run.parent.empty()) {
    output.line(fmt::format("  parent    {} ({})", run.parent, printable(run.parent_key)));
  }
  if (!run.phase.empty() && !store::is_terminal(run.status)) {
    output.line(fmt::format("  phase     {}", run.phase));
  }
  if (!steps.empty()) output.line("steps");
  for (const auto& step : steps) {
    print_step(services, step, facts);
    print_attempts(services, facts.attempts.of(step.key));
  }
  Style style;
  style.color = output.has_color();
  style.unicode = output.has_unicode();
  for (const auto& line : summary(ending_of(run, interrupted, facts), facts, style)) {
    output.line(line);
  }
}

Json to_json(const std::vector<store::RunRow>& children) {
  Json all = Json::array();
  for (const auto& child : children) {
    all.push_back({{"id", child.id.text},
                   {"definition", child.definition},
                   {"status", store::to_string(child.status)},
                   {"step", child.parent_key}});
  }
  return all;
}

void print_children(Services& services, const std::vector<store::RunRow>& children) {
  if (!children.empty()) services.output.line("children");
  for (const auto& child : children) {
    services.output.line(fmt::format("  {}  {}  {}  for {}", child.id.text,
                                     padded(status_of(child, is_interrupted(services, child)), 11),
                                     padded(child.definition, 20), printable(child.parent_key)));
  }
}

std::string event_line(const history::Event& event) {
  auto fields = history::to_json(event);
  for (const auto* shown : {"seq", "at", "kind"}) fields.erase(shown);
  constexpr std::size_t fields_bytes_max = 400;
  return fmt::format("{:>4}  {}  {:<18} {}", event.seq, to_iso8601(event.at),
                     history::kind_of(event.detail),
                     fields.empty() ? "" : ellipsis(printable(to_text(fields)), fields_bytes_max));
}

}  // namespace

Task<int> list_runs(Services& services, RunsListCommand command) {
  store::RunFilter filter;
  filter.limit = command.limit;
  filter.status = status_named(command.status);
  if (!command.project.empty()) {
    const auto project = projects::named_project(command.project);
    if (!project) co_return refuse(services, project.error());
    filter.project = project->string();
  }
  const auto runs = co_await services.store().catalog().runs(std::move(filter));
  if (command.json) {
    Json all = Json::array();
    for (const auto& run : runs) {
      auto entry = to_json(run, is_interrupted(services, run));
      const auto waits = co_await waits_of(services, run);
      entry["waits_for"] = waits.empty() ? Json() : Json(waits);
      all.push_back(std::move(entry));
    }
    services.output.out(to_pretty_text(all) + "\n");
  } else {
    for (const auto& run : runs) print_run_line(services, run, co_await waits_of(services, run));
    if (runs.empty()) services.output.err("No runs yet. Start one: agentcmd run DEFINITION\n");
  }
  co_await mention_interrupted(services);
  co_return ok;
}

Task<int> show_run(Services& services, RunsShowCommand command) {
  auto& store = services.store();
  const auto run = co_await store.catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  const auto steps = co_await store.catalog().steps(run->id);
  const auto children = co_await store.catalog().children(run->id);
  const auto forks = co_await store.catalog().forks(run->id);
  RunFacts facts;
  for (const auto& event : co_await store.log().read(run->id, 0)) facts.apply(event);
  for (const auto& [key, by] : co_await answered_gates(store.requests(), run->id)) {
    const auto gate = facts.waiting.gates.find(key);
    if (gate != facts.waiting.gates.end()) gate->second.answered_by = by;
  }
  facts.waiting.children = co_await child_waits(store, facts.waiting);
  if (command.json) {
    auto document = run_document(*run, is_interrupted(services, *run), steps, forks, facts);
    document["children"] = to_json(children);
    services.output.out(to_pretty_text(document) + "\n");
  } else {
    print_run(services, *run, steps, forks, facts);
    print_children(services, children);
  }
  co_await mention_interrupted(services);
  co_return ok;
}

Task<int> show_history(Services& services, RunsHistoryCommand command) {
  const auto run = co_await services.store().catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  const auto events = co_await services.store().log().read(run->id, 0);
  if (command.json) {
    Json all = Json::array();
    for (const auto& event : events) all.push_back(history::to_json(event));
    services.output.out(to_pretty_text(all) + "\n");
  } else {
    for (const auto& event : events) services.output.line(event_line(event));
  }
  co_await mention_interrupted(services);
  co_return ok;
}

}  // namespace agentcmd::cli
