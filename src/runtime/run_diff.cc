#include "runtime/run_diff.h"

#include "base/json_slice.h"
#include "engine/memo.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace agentcmd::runtime {
namespace {

using namespace history;

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// What a history says of each key, in the order in which the keys were asked for.
class Steps {
 public:
  void add(const Event& event) {
    at_ = event.at;
    std::visit(Overloaded{
                   [&](const StepScheduled& e) { begin(e.key, e.type, e.input); },
                   [&](const StepStarted& e) { started_[e.key] = at_; },
                   [&](const StepCompleted& e) { complete(e); },
                   [&](const StepFailed& e) {
                     if (!e.retry) fail(e.key, "failed", e.failure.message);
                   },
                   [&](const StepTimedOut& e) { fail(e.key, "timed out", e.failure.message); },
                   [&](const StepCancelled& e) { end(e.key, "cancelled"); },
                   [&](const StepLost& e) { fail(e.key, "lost", e.reason); },
                   [&](const TimerStarted& e) { begin(e.key, "sleep", {}); },
                   [&](const TimerFired& e) { end(e.key, "completed"); },
                   [&](const TimerCancelled& e) { end(e.key, "cancelled"); },
                   [&](const EventReceived& e) { events_[e.event] = e.data; },
                   [&](const WaitStarted& e) { begin(e.key, "waitForEvent", {quote(e.event)}); },
                   [&](const WaitMatched& e) {
                     if (auto* step = end(e.key, "completed")) step->output = events_[e.event];
                   },
                   [&](const WaitTimedOut& e) { end(e.key, "timed out"); },
                   [&](const WaitCancelled& e) { end(e.key, "cancelled"); },
                   [&](const GateOpened& e) { begin(e.key, "approve", e.gate); },
                   [&](const GateDecided& e) { decide(e); },
                   [&](const GateCancelled& e) { end(e.key, "cancelled"); },
                   [](const auto&) {},
               },
               event.detail);
  }

  std::vector<StepFacts> take() {
    std::vector<StepFacts> steps;
    for (const auto& key : order_) {
      auto& step = steps_.at(key);
      if (!engine::is_system_step(step.type)) steps.push_back(std::move(step));
    }
    return steps;
  }

 private:
  void begin(const StepKey& key, std::string type, JsonText input) {
    StepFacts step{.key = key.text, .type = std::move(type), .status = "open"};
    step.input = std::move(input);
    if (steps_.insert_or_assign(key, std::move(step)).second) order_.push_back(key);
  }

  StepFacts* end(const StepKey& key, std::string status) {
    const auto found = steps_.find(key);
    if (found == steps_.end()) return nullptr;
    auto& step = found->second;
    step.status = std::move(status);
    if (const auto started = started_.find(key); started != started_.end()) {
      step.duration = at_ - started->second;
    }
    return &step;
  }

  void fail(const StepKey& key, std::string status, const std::string& error) {
    if (auto* step = end(key, std::move(status))) step->error = error;
  }

  void complete(const StepCompleted& e) {
    auto* step = end(e.key, "completed");
    if (step == nullptr) return;
    step->success = e.success;
    step->imported = e.imported;
    step->output = e.output;
    if (step->type != "agent" || e.imported) return;
    const auto output = parse_json(e.output.text, "output");
    if (!output || !output->is_object()) return;
    const auto cost = output->find("cost");
    if (cost != output->end() && cost->is_number()) step->cost_usd = cost->get<double>();
  }

  void decide(const GateDecided& e) {
    auto* step = end(e.key, e.timed_out ? "timed out" : "completed");
    if (step == nullptr) return;
    step->success = e.approved;
    step->output = {to_text({{"approved", e.approved}, {"option", e.option}})};
  }

  Time at_;
  std::vector<StepKey> order_;
  std::map<StepKey, StepFacts> steps_;
  std::map<StepKey, Time> started_;
  std::map<std::string, JsonText> events_;
};

std::vector<StepFacts> steps_of(std::span<const Event> events) {
  Steps steps;
  for (const auto& event : events) steps.add(event);
  return steps.take();
}

RunSide side_of(const RunId& run, std::span<const Event> events,
                const std::vector<StepFacts>& steps) {
  RunSide side{.id = run.text, .status = "not ended"};
  for (const auto& event : events) {
    if (const auto* created = std::get_if<RunCreated>(&event.detail)) {
      side.definition = created->definition;
      side.code_hash = created->code_hash;
      side.project = created->project;
      side.args = {std::string(find_member(created->request.text, "args").value_or("{}"))};
    } else if (const auto* resumed = std::get_if<RunResumed>(&event.detail)) {
      side.code_hash = resumed->code_hash;
    } else if (const auto* completed = std::get_if<RunCompleted>(&event.detail)) {
      side.status = "completed";
      side.result = completed->result;
    } else if (const auto* failed = std::get_if<RunFailed>(&event.detail)) {
      side.status = "failed";
      side.error = failed->failure.message;
    } else if (std::holds_alternative<RunCancelled>(event.detail)) {
      side.status = "cancelled";
    }
  }
  if (side.status != "not ended") side.duration = events.back().at - events.front().at;
  for (const auto& step : steps) {
    if (step.cost_usd) side.cost_usd = side.cost_usd.value_or(0) + *step.cost_usd;
  }
  return side;
}

// Values, whatever blanks and order of members their texts have.
bool same_value(const JsonText& a, const JsonText& b) {
  if (a.text == b.text) return true;
  const auto one = parse_json(a.text, "a");
  const auto other = parse_json(b.text, "b");
  return one && other && agentcmd::same_value(*one, *other);
}

// What a result says. How long it took, which session and which attempt are no part of that.
Json said_by(const JsonText& output) {
  auto value = parse_json(output.text, "output");
  if (!value) return output.text;
  if (!value->is_object() || !value->contains("success")) return *std::move(value);
  Json said = Json::object();
  for (const auto* member : {"success", "data", "error"}) {
    if (value->contains(member)) said[member] = (*value)[member];
  }
  return said;
}

bool same_result(const StepFacts& a, const StepFacts& b) {
  if (a.status != b.status || a.success != b.success || a.error != b.error) return false;
  if (a.output.text == b.output.text) return true;
  return agentcmd::same_value(said_by(a.output), said_by(b.output));
}

std::vector<RunDiff::Argument> compare_args(const JsonText& a, const JsonText& b) {
  std::vector<RunDiff::Argument> different;
  const auto one = parse_trusted(a.text, "arguments");
  const auto other = parse_trusted(b.text, "arguments");
  if (!one.is_object() || !other.is_object()) {
    if (!same_value(a, b)) different.push_back({"", a.text, b.text});
    return different;
  }
  const auto text_in = [](const Json& object, const std::string& name) {
    return object.contains(name) ? to_text(object[name]) : std::string();
  };
  std::set<std::string> names;
  for (const auto& [name, value] : one.items()) names.insert(name);
  for (const auto& [name, value] : other.items()) names.insert(name);
  for (const auto& name : names) {
    auto of_a = text_in(one, name);
    auto of_b = text_in(other, name);
    if (of_a != of_b) different.push_back({name, std::move(of_a), std::move(of_b)});
  }
  return different;
}

std::optional<StepDifference> difference(const StepFacts& a, const StepFacts& b) {
  const bool input = a.type != b.type || !same_value(a.input, b.input);
  const bool result = !same_result(a, b);
  using Kind = StepDifference::Kind;
  if (!input && !result) return std::nullopt;
  const auto kind = input && result ? Kind::both : input ? Kind::input : Kind::result;
  return StepDifference{.kind = kind, .a = a, .b = b};
}

}  // namespace

std::string_view to_string(StepDifference::Kind kind) {
  using Kind = StepDifference::Kind;
  switch (kind) {
    case Kind::only_in_a:
      return "only in A";
    case Kind::only_in_b:
      return "only in B";
    case Kind::input:
      return "other input";
    case Kind::result:
      return "other result";
    case Kind::both:
      return "other input and result";
  }
  std::unreachable();
}

RunDiff compare_runs(const RunId& a, std::span<const Event> of_a, const RunId& b,
                     std::span<const Event> of_b) {
  const auto steps_a = steps_of(of_a);
  const auto steps_b = steps_of(of_b);
  RunDiff diff;
  diff.a = side_of(a, of_a, steps_a);
  diff.b = side_of(b, of_b, steps_b);
  diff.args = compare_args(diff.a.args, diff.b.args);
  diff.same_result = diff.a.status == diff.b.status && diff.a.error == diff.b.error &&
                     same_value(diff.a.result, diff.b.result);
  for (const auto& step : steps_a) {
    const auto other = std::ranges::find(steps_b, step.key, &StepFacts::key);
    if (other == steps_b.end()) {
      diff.steps.push_back({.kind = StepDifference::Kind::only_in_a, .a = step, .b = std::nullopt});
      continue;
    }
    if (auto found = difference(step, *other)) {
      diff.steps.push_back(*std::move(found));
    } else {
      ++diff.same_steps;
    }
    const bool both_took_time =
        step.duration && other->duration && !step.imported && !other->imported;
    if (both_took_time) diff.costs.push_back({step, *other});
  }
  for (const auto& step : steps_b) {
    if (std::ranges::find(steps_a, step.key, &StepFacts::key) == steps_a.end()) {
      diff.steps.push_back({.kind = StepDifference::Kind::only_in_b, .a = std::nullopt, .b = step});
    }
  }
  return diff;
}

}  // namespace agentcmd::runtime
