// runs why: what a run waits for, in words.

#include "base/text.h"
#include "cli/answered_gates.h"
#include "cli/child_waits.h"
#include "cli/dispatch.h"
#include "cli/text_width.h"
#include "engine/why.h"
#include "runtime/run_queue.h"
#include "runtime/stuck.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

Json time_or_null(const std::optional<Time>& time) {
  return time ? Json(to_iso8601(*time)) : Json();
}

Json to_json(const engine::WaitsFor& waits) {
  return {{"what", waits.what},
          {"key", waits.key.text.empty() ? Json() : Json(waits.key.text)},
          {"text", waits.text},
          {"since", time_or_null(waits.since)},
          {"until", time_or_null(waits.until)},
          {"commands", waits.commands},
          {"detail", waits.detail}};
}

Json document_of(const store::RunRow& run, const engine::WhyFacts& facts, const engine::Why& why) {
  Json document{
      {"run", run.id.text},     {"status", store::to_string(run.status)},
      {"driven", facts.driven}, {"driver", facts.driver.empty() ? Json() : Json(facts.driver)},
      {"waits", Json::array()}, {"stuck", why.stuck}};
  for (const auto& waits : why.waits) document["waits"].push_back(to_json(waits));
  return document;
}

Waiting waiting_of(const std::vector<history::Event>& events) {
  Waiting waiting;
  for (const auto& event : events) waiting.apply(event.detail);
  return waiting;
}

// What the children wait for, as the run itself says it when it is left.
void add_children(const ChildWaits& children, const history::RunId& run, engine::Why& why) {
  for (const auto& gate : children.gates) {
    engine::WaitsFor waits{
        .what = "gate", .key = gate.key, .text = "The run waits for " + describe(gate)};
    waits.until = gate.until;
    if (gate.answered_by.empty()) {
      waits.commands = {approve_command(run, gate), deny_command(run, gate)};
    }
    why.waits.push_back(std::move(waits));
  }
  for (const auto& child : children.paused) {
    why.waits.push_back({.what = "pause",
                         .text = fmt::format("The run waits for run {}, which is paused: {}",
                                             child.run.text, child.message),
                         .commands = {fmt::format("agentcmd runs resume {}", child.run.text)}});
  }
}

void print(Output& output, const store::RunRow& run, const engine::WhyFacts& facts,
           const engine::Why& why) {
  const auto by = facts.driven ? fmt::format("  driven by {}", facts.driver) : "";
  output.line(fmt::format("{}  {}{}", run.id.text, store::to_string(run.status), by));
  if (store::is_terminal(run.status)) {
    output.line("  The run has ended and waits for nothing." +
                (run.reason.empty() ? "" : " " + printable(run.reason)));
  }
  for (const auto& waits : why.waits) {
    for (const auto& line : split(waits.text, '\n')) output.line("  " + printable(line));
    for (const auto& command : waits.commands) output.line("      " + printable(command));
  }
  for (const auto& reason : why.stuck) output.line("  stuck: " + printable(reason));
}

}  // namespace

Task<int> explain_run(Services& services, RunsWhyCommand command) {
  const auto run = co_await services.store().catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  const auto events = co_await services.store().log().read(run->id, 0);
  auto facts = runtime::facts_about(services.home, *run, events, services.clock.now());
  if (run->status == store::RunStatus::queued && facts.driven) {
    facts.run_place =
        co_await runtime::place_in_queue(services.store(), services.home, services.limits, run->id);
  }
  facts.answered = co_await answered_gates(services.store().requests(), run->id);
  auto why = engine::why(engine::state_of(events), facts);
  add_children(co_await child_waits(services.store(), waiting_of(events)), run->id, why);
  if (command.json) {
    services.output.out(to_pretty_text(document_of(*run, facts, why)) + "\n");
  } else {
    print(services.output, *run, facts, why);
  }
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
