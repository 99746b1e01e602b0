#include "simulation/judge.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/json_slice.h"
#include "engine/decide.h"
#include "engine/replay.h"
#include "history/codec.h"
#include "history/history.h"
#include "simulation/code.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::simulation {

using history::Event;
using history::EventReceived;
using history::GateDecided;
using history::RunId;
using history::StepCheckpoint;
using history::StepCompleted;
using history::StepKey;
using history::StepScheduled;
using history::StepStarted;
using history::TimerFired;
using history::WaitMatched;
using history::WaitTimedOut;

namespace {

std::string child_in(const JsonText& checkpoint) {
  return string_or(parse_trusted(checkpoint.text, "checkpoint"), "child");
}

}  // namespace

std::string to_text(const AttemptId& id) {
  return fmt::format("{} {} attempt {}", id.run.text, id.key.text, id.attempt);
}

const Judge::Run* Judge::find(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second;
}

void Judge::committed(const std::vector<store::RunAppend>& parts) {
  for (const auto& part : parts) {
    if (part.expected_seq == 0) check_birth(part, parts);
    committed(part);
  }
}

// A child comes into being with the event of its parent that says so.
void Judge::check_birth(const store::RunAppend& child, const std::vector<store::RunAppend>& parts) {
  const auto& created = std::get<history::RunCreated>(child.events.front().detail);
  if (created.parent.empty()) return;
  for (const auto& part : parts) {
    if (part.run.text != created.parent) continue;
    for (const auto& event : part.events) {
      const auto* checkpoint = std::get_if<StepCheckpoint>(&event.detail);
      if (checkpoint != nullptr && child_in(checkpoint->data) == child.run.text) return;
    }
  }
  world_.violation("birth", fmt::format("{} begins, and its parent {} does not know",
                                        child.run.text, created.parent));
}

void Judge::committed(const store::RunAppend& part) {
  auto& run = runs_[part.run];
  run.id = part.run;
  if (part.expected_seq == 0) {
    run.owner = part.owner;
    const auto sent = events();
    run.created_after = sent.empty() ? 0 : sent.back().id;
  } else if (run.owner != part.owner) {
    world_.violation("fence", fmt::format("{} (term {}) committed to {}, which {} (term {}) owns",
                                          part.owner.driver, part.owner.term, part.run.text,
                                          run.owner.driver, run.owner.term));
  }
  for (const auto& event : part.events) apply(run, event);
  if (after_commit && !run.state.end) after_commit(run);
}

void Judge::taken_over(const RunId& run, const store::Owner& owner) {
  world_.trace("{} belongs to {} (term {})", run.text, owner.driver, owner.term);
  runs_[run].owner = owner;
}

void Judge::apply(Run& run, const Event& event) {
  const auto kind = history::kind_of(event.detail);
  const auto encoded = history::encode(event.detail);
  world_.trace("{} commits {} {} {} {} {}", run.owner.driver, run.id.text, event.seq, kind,
               encoded.fields, encoded.payload.substr(0, 100));
  try {
    check_event(run, event);
    run.state.apply(event);
  } catch (const Fault& fault) {
    world_.violation("history", fault.what());
  }
  if (!run.events.empty() && event.at < run.events.back().at) {
    world_.violation("time", fmt::format("event {} is older than the one before", event.seq));
  }
  run.events.push_back(event);
  if (run.state.end) check_end(run);
}

void Judge::check_event(Run& run, const Event& event) {
  if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
    if (!run.asked.insert(scheduled->key).second) {
      world_.violation("asked twice", scheduled->key.text);
    }
  } else if (const auto* started = std::get_if<StepStarted>(&event.detail)) {
    auto& last = run.last_attempt[started->key];
    if (started->attempt != last + 1) {
      world_.violation("attempts", fmt::format("attempt {} of {} follows attempt {}",
                                               started->attempt, started->key.text, last));
    }
    if (run.completed.contains(started->key)) {
      world_.violation("done again", fmt::format("{} had been completed", started->key.text));
    }
    last = started->attempt;
    run.terms[{started->key, started->attempt}] = run.owner.term;
  } else if (const auto* completed = std::get_if<StepCompleted>(&event.detail)) {
    run.completed.insert(completed->key);
    check_result(run, *completed);
  } else if (const auto* checkpoint = std::get_if<StepCheckpoint>(&event.detail)) {
    note_checkpoint(run, *checkpoint);
  } else if (const auto* memo = std::get_if<history::MemoImported>(&event.detail)) {
    run.memo = engine::memo_from(memo->memo);
  } else if (const auto* received = std::get_if<EventReceived>(&event.detail)) {
    check_received(run, *received);
  } else if (const auto* matched = std::get_if<WaitMatched>(&event.detail)) {
    check_matched(run, *matched);
  } else if (const auto* fired = std::get_if<TimerFired>(&event.detail)) {
    const auto timer = run.state.timers.find(fired->key);
    if (timer == run.state.timers.end()) {
      world_.violation("timer", fmt::format("{} fired and is not open", fired->key.text));
    } else {
      check_due(run, fired->key, timer->second.fire_at, event);
    }
  } else if (const auto* late = std::get_if<WaitTimedOut>(&event.detail)) {
    const auto wait = run.state.waits.find(late->key);
    if (wait != run.state.waits.end()) check_due(run, late->key, wait->second.timeout_at, event);
  } else if (const auto* decided = std::get_if<GateDecided>(&event.detail)) {
    const auto gate = run.state.gates.find(decided->key);
    if (gate == run.state.gates.end()) {
      world_.violation("gate", fmt::format("{} is decided and is not open", decided->key.text));
    } else if (decided->timed_out) {
      check_due(run, decided->key, gate->second.timeout_at, event);
    }
  }
}

// What is recorded is what the attempt gave.
void Judge::check_result(const Run& run, const StepCompleted& completed) {
  const auto step = run.state.steps.find(completed.key);
  if (step == run.state.steps.end()) return;  // the history says so
  if (completed.imported) return check_known(run, completed);
  if (step->second.type == "sendEvent") return check_sent(run, completed);
  if (step->second.type == "invoke") return check_child(run, step->second, completed);
  const AttemptId id{.run = run.id, .key = completed.key, .attempt = completed.attempt};
  const auto* output = output_of(run.owner.driver, id);
  if (output != nullptr && *output == completed.output) return;
  const auto probed = probe_outputs_.find({run.owner.driver, id});
  if (probed != probe_outputs_.end() && probed->second == completed.output) return;
  world_.violation(
      "result", fmt::format("{} gave {}, recorded is {}", to_text(id),
                            output == nullptr ? "nothing" : output->text, completed.output.text));
}

// Whether the former run had done it.
bool Judge::is_known(const Run& run, const StepKey& key) const {
  const auto known = run.memo.find(key);
  const auto step = run.state.steps.find(key);
  return known != run.memo.end() && step != run.state.steps.end() &&
         engine::fits<engine::MemoStep>(known->second, step->second.type);
}

void Judge::check_known(const Run& run, const StepCompleted& completed) {
  if (is_known(run, completed.key) &&
      std::get<engine::MemoStep>(run.memo.at(completed.key)).output == completed.output) {
    return;
  }
  world_.violation("result", fmt::format("{} of {} takes over a result that there is not",
                                         completed.key.text, run.id.text));
}

// Before something changes files, they are kept.
void Judge::check_kept(const Run& run, const engine::OpenStep& step, const AttemptId& id) {
  const bool changes = step.type == "agent" || step.type == "cli" || step.type == "git";
  if (!changes || string_or(run.state.facts, "mode") != "worktree") return;
  if (!run.kept.contains(id.key)) {
    world_.violation("files", to_text(id) + " starts, and the files before it were not kept");
  }
}

// However many attempts there were, the events are there, once.
void Judge::check_sent(const Run& run, const StepCompleted& completed) {
  const auto sent = events();
  const auto output = parse_trusted(completed.output.text, "output of sendEvent");
  std::size_t index = 0;
  for (const auto& id : output.at("ids")) {
    const auto once = fmt::format("{}/{}#{}", run.id.text, completed.key.text, index++);
    const auto count = std::ranges::count(sent, once, &store::ProjectEvent::once);
    const auto found = std::ranges::find(sent, once, &store::ProjectEvent::once);
    if (count == 1 && std::to_string(found->id) == id.get<std::string>()) continue;
    world_.violation("sent", fmt::format("event {} was sent {} times", once, count));
  }
}

void Judge::check_child(const Run& run, const engine::OpenStep& step,
                        const StepCompleted& completed) {
  const auto child = step.checkpoint ? child_in(*step.checkpoint) : std::string();
  const auto* born = find({child});
  const auto* end = born == nullptr || !born->state.end
                        ? nullptr
                        : std::get_if<history::RunCompleted>(&*born->state.end);
  if (end != nullptr && end->result == completed.output) return;
  world_.violation("result", fmt::format("{} of {} has a result that its child {} did not give",
                                         completed.key.text, run.id.text, child));
}

void Judge::note_checkpoint(Run& run, const StepCheckpoint& checkpoint) {
  if (parse_trusted(checkpoint.data.text, "checkpoint").contains("snapshot")) {
    run.kept.insert(checkpoint.key);
  }
  const auto child = child_in(checkpoint.data);
  const auto step = run.state.steps.find(checkpoint.key);
  if (child.empty() || step == run.state.steps.end()) return;
  if (!step->second.input.text.contains(R"("parentClose":"abandon")")) run.children.insert({child});
}

// Each event that was sent after the run was created, once, and those of a name in their order.
void Judge::check_received(Run& run, const EventReceived& event) {
  if (!event.wait.empty() && run.memo.contains({event.wait})) return;
  const auto id = to_integer<std::uint64_t>(event.event).value_or(0);
  const auto sent = events();
  const auto found = std::ranges::find(sent, id, &store::ProjectEvent::id);
  const auto last = run.state.last_event.find(event.name);
  const bool in_order = last == run.state.last_event.end() || last->second < id;
  if (found != sent.end() && found->name == event.name && id > run.created_after && in_order &&
      run.received.insert(id).second) {
    return;
  }
  world_.violation("event", fmt::format("{} receives event {} ({}), which is none for it now",
                                        run.id.text, event.event, event.name));
}

void Judge::check_matched(Run& run, const WaitMatched& matched) {
  if (matched.event == "memo" && run.memo.contains(matched.key)) return;
  const bool is_known = run.received.contains(to_integer<std::uint64_t>(matched.event).value_or(0));
  if (is_known && run.consumed.insert(matched.event).second) return;
  world_.violation("event", fmt::format("{} of {} takes event {}, which it cannot have",
                                        matched.key.text, run.id.text, matched.event));
}

void Judge::check_due(const Run& run, const StepKey& key, std::optional<Time> moment,
                      const Event& event) {
  if (run.memo.contains(key)) return;
  if (moment && event.at >= *moment && world_.latest_wall() >= *moment) return;
  world_.violation("timer",
                   fmt::format("{} is over at {}, its time is {}, the clock shows {}", key.text,
                               to_millis(event.at), moment ? to_millis(*moment) : 0,
                               to_millis(world_.latest_wall())));
}

// Nothing outlives its run.
void Judge::check_end(const Run& run) {
  const auto& state = run.state;
  if (!state.steps.empty() || !state.timers.empty() || !state.waits.empty() ||
      !state.gates.empty()) {
    world_.violation("left open", fmt::format("{} ended with {} steps, {} timers, {} waits, {} "
                                              "gates open",
                                              run.id.text, state.steps.size(), state.timers.size(),
                                              state.waits.size(), state.gates.size()));
  }
  for (const auto& child : run.children) {
    const auto* born = find(child);
    if (born == nullptr || born->state.end) continue;
    world_.violation("orphan",
                     fmt::format("{} ended, and its child {} did not", run.id.text, child.text));
  }
  const auto left = alive(run.id);
  if (!left.empty()) {
    world_.violation("alive", fmt::format("{} ended, and {}", run.id.text, left));
  }
}

void Judge::attempt_starts(const std::string& driver, const AttemptId& id) {
  world_.trace("{} starts {}", driver, to_text(id));
  if (id.key.text.starts_with("_system_finalize")) {
    const auto busy = alive(id.run);
    if (!busy.empty()) world_.violation("finalise", to_text(id) + " starts, and " + busy);
  }
  const auto* run = find(id.run);
  if (run == nullptr) return world_.violation("commit", to_text(id) + " started before its run");
  const auto last = run->last_attempt.find(id.key);
  if (last == run->last_attempt.end() || last->second < id.attempt) {
    return world_.violation("commit", to_text(id) + " started before its start was on disk");
  }
  if (run->completed.contains(id.key)) {
    return world_.violation("done again", to_text(id) + " started, and the step is completed");
  }
  if (run->state.end) return world_.violation("alive", to_text(id) + " started after the end");
  if (is_known(*run, id.key)) {
    return world_.violation("done again", to_text(id) + " started, and the former run did it");
  }
  const auto step = run->state.steps.find(id.key);
  if (step != run->state.steps.end() && is_owner(*run, driver)) check_kept(*run, step->second, id);
  const bool runs =
      step != run->state.steps.end() && step->second.running && step->second.attempt == id.attempt;
  if (!runs && is_owner(*run, driver)) {
    world_.violation("attempts", to_text(id) + " started, and is over");
  }
}

bool Judge::is_of_former_owner(const Run& run, const AttemptId& id) {
  const auto begun = run.terms.find({id.key, id.attempt});
  return begun != run.terms.end() && begun->second != run.owner.term;
}

// A driver may not yet know that the step was cancelled; one that lost the run knows nothing.
void Judge::effect_starts(const std::string& driver, const AttemptId& id) {
  world_.trace("{} performs an effect of {}", driver, to_text(id));
  const auto* run = find(id.run);
  const auto last = run == nullptr                       ? 0
                    : run->last_attempt.contains(id.key) ? run->last_attempt.at(id.key)
                                                         : 0;
  if (last < id.attempt) {
    return world_.violation("commit", to_text(id) + " had an effect before its start was on disk");
  }
  if (!is_owner(*run, driver) || is_of_former_owner(*run, id)) return;
  if (run->completed.contains(id.key)) {
    world_.violation("done again", to_text(id) + " has an effect, and is completed");
  }
  if (run->state.end) world_.violation("alive", to_text(id) + " has an effect after the end");
}

void Judge::closure_starts(const std::string& driver, const AttemptId& id) {
  world_.trace("{} runs the closure of {}", driver, to_text(id));
  const auto* run = find(id.run);
  if (run == nullptr || !is_owner(*run, driver) || is_of_former_owner(*run, id)) return;
  // The worker begins first attempts before they are on disk; later ones it is told of.
  const auto last = run->last_attempt.find(id.key);
  if (id.attempt > 1 && (last == run->last_attempt.end() || last->second != id.attempt)) {
    world_.violation("attempts", to_text(id) + " runs, and is not the present attempt");
  }
  if (run->completed.contains(id.key)) {
    world_.violation("done again", to_text(id) + " runs, and is completed");
  }
  const auto known = run->memo.find(id.key);
  if (known != run->memo.end() && engine::fits<engine::MemoStep>(known->second, "run")) {
    world_.violation("done again", to_text(id) + " runs, and the former run did it");
  }
}

const JsonText* Judge::output_of(const std::string& driver, const AttemptId& id) const {
  const auto attempt = outputs_.find(id);
  if (attempt != outputs_.end()) return &attempt->second;
  const auto closure = closure_outputs_.find({driver, id});
  return closure == closure_outputs_.end() ? nullptr : &closure->second;
}

void Judge::closure_ended(const std::string& driver, const AttemptId& id, const JsonText& output) {
  closure_outputs_[{driver, id}] = output;
}

void Judge::probe_found(const std::string& driver, const AttemptId& id, const JsonText& output) {
  probe_outputs_[{driver, id}] = output;
}

void Judge::forgotten(const RunId& run) {
  runs_.at(run).is_forgotten = true;
}

void Judge::attempt_ended(const AttemptId& id, const JsonText& output) {
  outputs_[id] = output;
}

void Judge::observed(const std::string& driver, const RunId& id, const Event& event) {
  const auto* run = find(id);
  const bool durable =
      run != nullptr && event.seq <= run->events.size() && run->events[event.seq - 1] == event;
  if (!durable) {
    world_.violation("commit", fmt::format("{} shows event {} of {}, which is not on disk", driver,
                                           event.seq, id.text));
  }
}

void Judge::driven(const std::string& driver, const RunId& id, const runtime::Driven& driven) {
  world_.trace("{} drove {}: {} {} {}", driver, id.text, store::to_string(driven.status),
               driven.reason, driven.message);
  const auto* run = find(id);
  if (store::is_terminal(driven.status) && (run == nullptr || !run->state.end)) {
    world_.violation("commit", fmt::format("{} says that {} has ended", driver, id.text));
  }
  if (driven.status == store::RunStatus::running) {
    world_.violation("stuck", fmt::format("{} left {} running", driver, id.text));
  }
  if (driven.reason == "nondeterminism" || driven.reason == "stuck" || driven.reason == "damaged") {
    world_.violation(driven.reason, driven.message);
  }
}

// The history means what was seen of it, and makes the code ask for what it asked for.
void Judge::finish(const RunId& id, const Program& program) {
  const auto* run = find(id);
  if (run == nullptr) return;
  try {
    history::check_history(run->events);
    for (const auto& event : run->events) {
      const auto encoded = history::encode(event.detail);
      if (history::decode(encoded.kind, encoded.fields, encoded.payload) != event.detail) {
        world_.violation("codec", fmt::format("event {} of {} is read differently than written",
                                              event.seq, id.text));
      }
    }
    const auto asked = engine::asked_in(run->events);
    auto asked_again = engine::asked_in(commands_of(program, run->events));
    // Where the run was ended without its code, what that asked for last is not recorded.
    const bool forced = std::holds_alternative<history::RunCancelled>(run->events.back().detail);
    if (forced && asked_again.size() > asked.size()) asked_again.resize(asked.size());
    const auto mismatch = engine::compare(asked, asked_again);
    if (mismatch) world_.violation("replay", engine::pause_for(*mismatch).message);
  } catch (const Fault& fault) {
    world_.violation("history", fault.what());
  }
}

}  // namespace agentcmd::simulation
