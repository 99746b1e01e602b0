#include "simulation/code.h"

#include "engine/replay.h"
#include "engine/run_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace agentcmd::simulation {

using history::CancelGate;
using history::CancelJob;
using history::CancelRun;
using history::CancelStep;
using history::CancelTimer;
using history::CancelWait;
using history::CompleteRun;
using history::EventJob;
using history::FailRun;
using history::GateDecidedJob;
using history::Job;
using history::MatchWait;
using history::Note;
using history::RunClosureJob;
using history::ScheduleStep;
using history::StartGate;
using history::StartJob;
using history::StartTimer;
using history::StartWait;
using history::StepKey;
using history::StepRejectedJob;
using history::StepResolvedJob;
using history::TimerFiredJob;
using history::WaitTimedOutJob;

namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

constexpr std::int64_t value_max = 1'000'000'007;

std::int64_t number_of(const JsonText& json) {
  std::int64_t number = 0;
  std::from_chars(json.text.data(), json.text.data() + json.text.size(), number);
  return number;
}

}  // namespace

void Code::apply(const Job& job, bool replaying, const std::vector<std::string>& patches) {
  // No event for the body, and not in a replay.
  if (std::holds_alternative<RunClosureJob>(job.what) ||
      std::holds_alternative<history::ProbeJob>(job.what))
    return;
  ++job_;
  now_ = job.at;
  replaying_ = replaying;
  patches_ = &patches;
  std::visit(
      Overloaded{
          [&](const StartJob&) { stage_ = Stage::setup; },
          [&](const StepResolvedJob& step) { settle(step.key.text, number_of(step.output), {}); },
          [&](const StepRejectedJob& step) { settle(step.key.text, 0, step.failure.name); },
          [&](const TimerFiredJob& timer) { settle(timer.key.text, 0, {}); },
          [&](const CancelJob&) { cancel(); },
          [&](const EventJob& event) { receive(event); },
          [&](const WaitTimedOutJob& wait) { settle(wait.key.text, -1, {}); },
          [&](const GateDecidedJob& gate) { settle(gate.key.text, gate.approved ? 1 : 0, {}); },
          [](const RunClosureJob&) {},
          [](const history::ProbeJob&) {},
      },
      job.what);
  advance();
}

const Node* Code::closure(const StepKey& key) const {
  const auto found = closures_.find(key.text);
  return found == closures_.end() ? nullptr : found->second;
}

// A job for something that is not waited for any more changes nothing.
void Code::settle(const std::string& key, std::int64_t value, std::string error) {
  if (open_.erase(key) == 0) return;
  settled_[key] = {.at = job_, .value = value, .error = std::move(error)};
}

void Code::give_up(const std::string& key) {
  const auto entry = open_.extract(key);
  if (!entry) return;
  switch (entry.mapped().kind) {
    case Kind::step:
      commands_.emplace_back(CancelStep{{key}});
      break;
    case Kind::timer:
      commands_.emplace_back(CancelTimer{{key}});
      break;
    case Kind::wait:
      commands_.emplace_back(CancelWait{{key}});
      break;
    case Kind::gate:
      commands_.emplace_back(CancelGate{{key}});
      break;
  }
}

void Code::abandon_all() {
  std::map<std::uint64_t, std::string> in_order;
  for (const auto& [key, entry] : open_) in_order.emplace(entry.order, key);
  for (const auto& [order, key] : in_order) give_up(key);
}

void Code::cancel() {
  if (cancelled_ || stage_ == Stage::over) return;
  cancelled_ = true;
  std::map<std::uint64_t, std::string> in_order;
  for (const auto& [key, entry] : open_) {
    if (!entry.shielded) in_order.emplace(entry.order, key);
  }
  for (const auto& [order, key] : in_order) {
    give_up(key);
    settled_[key] = {.at = job_, .error = "CancelledError"};
  }
}

// The first open wait that wants it takes it; else it is kept.
void Code::receive(const EventJob& event) {
  std::optional<std::pair<std::uint64_t, std::string>> taker;
  for (const auto& [key, entry] : open_) {
    if (entry.kind != Kind::wait) continue;
    const bool wants = event.wait.empty() ? entry.event == event.name : key == event.wait;
    if (wants && (!taker || entry.order < taker->first)) taker.emplace(entry.order, key);
  }
  if (!taker) {
    if (event.wait.empty()) kept_.push_back({.event = event.event, .name = event.name});
    return;
  }
  commands_.emplace_back(MatchWait{.key = {taker->second}, .event = event.event});
  settle(taker->second, 1, {});
}

void Code::advance() {
  while (advance_stage()) {
  }
}

// True when the next stage has begun.
bool Code::advance_stage() {
  switch (stage_) {
    case Stage::before:
    case Stage::over:
      return false;
    case Stage::setup: {
      const auto settled = system_step("_system_setup/setup-workspace", "setupWorkspace");
      if (!settled) return false;
      has_workspace_ = !settled->threw();
      if (settled->threw() || cancelled_) {
        end_body(settled->threw() ? *settled : Settled{.error = "CancelledError"});
      } else {
        stage_ = Stage::body;
      }
      return true;
    }
    case Stage::body: {
      const auto settled = eval(program_.body, "", 0);
      if (settled) {
        end_body(*settled);
      } else if (open_.empty()) {
        end_body({.at = job_, .error = "Stalled"});
      } else {
        return false;
      }
      return true;
    }
    case Stage::cleanups: {
      if (!cleaning_ && cleanups_.empty()) {
        stage_ = Stage::finalise;
        return true;
      }
      if (!cleaning_) {
        cleaning_ = std::move(cleanups_.back());
        cleanups_.pop_back();
        cleaning_->began = job_;
      }
      const auto settled = eval(*cleaning_->node, cleaning_->suffix + "!", cleaning_->began);
      if (!settled && !open_.empty()) return false;
      abandon_all();
      cleaning_.reset();
      return true;
    }
    case Stage::finalise:
      if (has_workspace_ &&
          !system_step("_system_finalize/finalize-workspace", "finalizeWorkspace"))
        return false;
      finish();
      return false;
  }
  std::unreachable();
}

void Code::end_body(const Settled& settled) {
  end_ = settled;
  abandon_all();
  shielding_ = true;
  stage_ = Stage::cleanups;
}

void Code::finish() {
  abandon_all();
  stage_ = Stage::over;
  if (cancelled_) {
    commands_.emplace_back(CancelRun{});
  } else if (end_.threw()) {
    commands_.emplace_back(FailRun{{.name = end_.error, .message = "it threw"}});
  } else {
    commands_.emplace_back(CompleteRun{{std::to_string(end_.value)}});
  }
}

Code::Result Code::system_step(const std::string& key, const std::string& type) {
  const auto found = settled_.find(key);
  if (found != settled_.end()) return found->second;
  if (asked_.insert(key).second) {
    commands_.emplace_back(
        ScheduleStep{.key = {key}, .type = type, .name = key, .phase = {}, .input = {"{}"}});
    add_open(key, Kind::step);
  }
  return std::nullopt;
}

Code::Result Code::eval(const Node& node, const std::string& suffix, std::uint64_t began) {
  const auto key = node.id + suffix;
  switch (node.kind) {
    case Node::Kind::sequence:
    case Node::Kind::repeat:
      return eval_sequence(node, suffix, began);
    case Node::Kind::all:
    case Node::Kind::settled:
    case Node::Kind::race:
      return eval_group(node, suffix, began);
    case Node::Kind::attempt: {
      const auto first = eval(node.children[0], suffix, began);
      if (!first || !first->threw()) return first;
      return eval(node.children[1], suffix, first->at);
    }
    case Node::Kind::branch:
      return eval(node.children[began % 2], suffix, began);
    case Node::Kind::deadline:
      return eval_deadline(node, suffix, began);
    case Node::Kind::cleanup:
      if (noted_.insert(key).second) {
        cleanups_.push_back({.node = node.children.data(), .suffix = suffix});
      }
      return Settled{.at = began};
    case Node::Kind::patch:
      return eval_patch(key, began);
    case Node::Kind::note:
      note(key, history::Logged{.level = "info", .phase = {}, .message = key});
      return Settled{.at = began};
    case Node::Kind::fail:
      return Settled{.at = began, .error = "Error"};
    case Node::Kind::step:
    case Node::Kind::closure:
    case Node::Kind::sleep:
    case Node::Kind::event:
    case Node::Kind::gate:
      return eval_leaf(node, suffix);
  }
  std::unreachable();
}

Code::Result Code::eval_sequence(const Node& node, const std::string& suffix, std::uint64_t began) {
  Settled last{.at = began};
  const bool repeats = node.kind == Node::Kind::repeat;
  const auto count = repeats ? node.count : node.children.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto settled = repeats ? eval(node.children[0], fmt::format("{}#{}", suffix, i), last.at)
                                 : eval(node.children[i], suffix, last.at);
    if (!settled || settled->threw()) return settled;
    last = {.at = settled->at, .value = (last.value * 31 + settled->value) % value_max};
  }
  return last;
}

Code::Result Code::eval_group(const Node& node, const std::string& suffix, std::uint64_t began) {
  Result first;
  Result first_error;
  Settled all{.at = began};
  bool pending = false;
  for (const auto& child : node.children) {
    const auto settled = eval(child, suffix, began);
    if (!settled) {
      pending = true;
      continue;
    }
    if (!first || settled->at < first->at) first = settled;
    if (settled->threw() && (!first_error || settled->at < first_error->at)) first_error = settled;
    all.at = std::max(all.at, settled->at);
    all.value = (all.value * 31 + settled->value) % value_max;
  }
  if (node.kind == Node::Kind::race) return first;
  if (node.kind == Node::Kind::all && first_error) return first_error;
  if (pending) return std::nullopt;
  return all;
}

Code::Result Code::eval_deadline(const Node& node, const std::string& suffix, std::uint64_t began) {
  const auto key = node.id + suffix;
  if (const auto decided = deadlines_.find(key); decided != deadlines_.end()) {
    return decided->second;
  }
  if (asked_.insert(key).second) {
    commands_.emplace_back(
        StartTimer{.key = {key}, .name = node.id, .phase = {}, .fire_at = now_ + node.wait});
    add_open(key, Kind::timer);
  }
  const auto fired = settled_.find(key);
  within_.push_back(key);
  const auto settled = eval(node.children[0], suffix, began);
  within_.pop_back();
  if (settled && (fired == settled_.end() || settled->at <= fired->second.at)) {
    give_up(key);
    return deadlines_.emplace(key, *settled).first->second;
  }
  if (fired == settled_.end()) return std::nullopt;
  std::map<std::uint64_t, std::string> in_order;
  for (const auto& [open, entry] : open_) {
    if (std::ranges::find(entry.deadlines, key) != entry.deadlines.end())
      in_order.emplace(entry.order, open);
  }
  for (const auto& [order, open] : in_order) give_up(open);
  const auto& why = fired->second.threw() ? fired->second.error : "DeadlineError";
  return deadlines_.emplace(key, Settled{.at = fired->second.at, .error = why}).first->second;
}

Code::Result Code::eval_leaf(const Node& node, const std::string& suffix) {
  const auto key = node.id + suffix;
  if (asked_.insert(key).second) ask(node, key);
  const auto found = settled_.find(key);
  if (found == settled_.end()) return std::nullopt;
  return found->second;
}

void Code::ask(const Node& node, const std::string& key) {
  const auto until = node.wait.count() == 0 ? Time() : now_ + node.wait;
  switch (node.kind) {
    case Node::Kind::step:
    case Node::Kind::closure: {
      const bool is_closure = node.kind == Node::Kind::closure;
      const auto options = node.options.empty() ? "{}" : node.options;
      const auto config = node.config.empty() ? "{}" : node.config;
      commands_.emplace_back(
          ScheduleStep{.key = {key},
                       .type = is_closure ? "run" : node.type,
                       .name = node.id,
                       .phase = {},
                       .input = {fmt::format(R"({{"config":{},"options":{}}})", config, options)}});
      if (is_closure) {
        closures_[key] = &node;
        closures_asked_.push_back({key});
      }
      return add_open(key, Kind::step);
    }
    case Node::Kind::sleep:
      commands_.emplace_back(
          StartTimer{.key = {key}, .name = node.id, .phase = {}, .fire_at = now_ + node.wait});
      return add_open(key, Kind::timer);
    case Node::Kind::gate:
      commands_.emplace_back(StartGate{.key = {key},
                                       .name = node.id,
                                       .phase = {},
                                       .timeout_at = until,
                                       .gate = {R"({"title":"Go on?"})"}});
      return add_open(key, Kind::gate);
    default: {
      commands_.emplace_back(StartWait{
          .key = {key}, .name = node.id, .phase = {}, .event = node.type, .timeout_at = until});
      add_open(key, Kind::wait, node.type);
      const auto kept = std::ranges::find(kept_, node.type, &Kept::name);
      if (kept == kept_.end()) return;
      commands_.emplace_back(MatchWait{.key = {key}, .event = kept->event});
      kept_.erase(kept);
      settle(key, 1, {});
    }
  }
}

void Code::add_open(const std::string& key, Kind kind, std::string event) {
  open_[key] = {.kind = kind,
                .order = ++last_order_,
                .shielded = shielding_,
                .event = std::move(event),
                .deadlines = within_};
}

Code::Result Code::eval_patch(const std::string& key, std::uint64_t began) {
  const auto [entry, fresh] = patched_.emplace(key, true);
  if (fresh && replaying_) entry->second = std::ranges::find(*patches_, key) != patches_->end();
  if (fresh && entry->second) note(key, history::PatchMarked{key});
  return Settled{.at = began, .value = entry->second ? 1 : 0};
}

void Code::note(const std::string& key, history::Detail detail) {
  if (noted_.insert(key).second && !replaying_) commands_.emplace_back(Note{std::move(detail)});
}

std::vector<history::Command> commands_of(const Program& program,
                                          const std::vector<history::Event>& events) {
  const auto state = engine::state_of(events);
  Code code(program);
  for (const auto& event : events) {
    // What came during a pause that goes on is told later.
    if (!state.unseen.empty() && event.seq >= state.unseen.front().seq) break;
    if (engine::is_job(event.detail)) {
      code.apply(engine::job_of({}, event, state.created), true, state.patches);
    }
  }
  return code.take_commands();
}

}  // namespace agentcmd::simulation
