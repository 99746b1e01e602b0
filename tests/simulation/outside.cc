#include "simulation/outside.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace agentcmd::simulation {

using history::Failure;
using steps::OnLost;
using steps::Outcome;
using steps::StepType;

namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;

constexpr std::array types{
    StepType{"cli", nullptr, 5min, OnLost::ask, StepType::Slot::command},
    StepType{"agent", nullptr, 5min, OnLost::resume, StepType::Slot::agent},
    StepType{"git", nullptr, 5min, OnLost::probe, StepType::Slot::command},
    StepType{"again", nullptr, 5min, OnLost::retry, StepType::Slot::none},
    StepType{"giveup", nullptr, 5min, OnLost::fail, StepType::Slot::none},
    StepType{"setupWorkspace", nullptr, 5min, OnLost::retry, StepType::Slot::none},
    StepType{"finalizeWorkspace", nullptr, 5min, OnLost::retry, StepType::Slot::none},
};

constexpr std::size_t kept_effects = 64;

}  // namespace

const StepType* Outside::find_step_type(std::string_view name) {
  const auto found = std::ranges::find(types, name, &StepType::name);
  return found == types.end() ? nullptr : &*found;
}

Outcome Outside::some_outcome(const AttemptId& id, const std::string& type) {
  const bool is_system = type.ends_with("Workspace");
  if (!is_system && world_.chance(200)) {
    Failure failure{.name = world_.chance(200) ? "NoLuck" : "Error",
                    .message = "attempt " + std::to_string(id.attempt),
                    .final = world_.chance(100)};
    if (world_.chance(100)) failure.retry_after = world_.between(1, 5000);
    if (world_.chance(200)) return {.what = steps::TimedOut{std::move(failure)}, .notes = {}};
    return {.what = steps::Failed{std::move(failure)}, .notes = {}};
  }
  JsonText output{std::to_string(world_.below(1'000'000))};
  judge_.attempt_ended(id, output);
  Outcome outcome{
      .what = steps::Completed{.success = world_.chance(900), .output = std::move(output)},
      .notes = {}};
  if (type == "setupWorkspace") {
    const auto* facts = world_.chance(600)
                            ? R"({"mode":"worktree","worktree":"/w/t","working_dir":"/w/t",)"
                              R"("branch":"b","base":"main","base_commit":"c0"})"
                            : R"({"mode":"stay","working_dir":"/project"})";
    outcome.notes.emplace_back(history::RunUpdated{{facts}});
  }
  return outcome;
}

std::shared_ptr<Outside::Attempt> Outside::start(const std::string& driver, const AttemptId& id,
                                                 const steps::Step& step) {
  judge_.attempt_starts(driver, id);
  auto attempt = std::make_shared<Attempt>(world_.executor());
  attempts_[id] = attempt;
  attempt->end = world_.after(world_.some_time(), [this, id, type = step.type, attempt] {
    end(id, *attempt, some_outcome(id, type));
  });
  return attempt;
}

void Outside::end(const AttemptId& id, Attempt& attempt, Outcome outcome) {
  if (attempt.state != State::running) return;
  world_.trace("{} ends", to_text(id));
  attempt.state = State::ended;
  attempt.outcome = std::move(outcome);
  attempt.changed.notify();
}

Task<Outcome> Outside::watch(AttemptId id, std::shared_ptr<Attempt> attempt, StopSource& stop) {
  while (attempt->state == State::running) {
    if (stop.requested() && !attempt->stopping) {
      attempt->stopping = true;
      world_.trace("{} is told to stop", to_text(id));
      world_.after(world_.some_time(), [this, id, attempt] {
        world_.cancel(attempt->end);
        end(id, *attempt, {.what = steps::Cancelled{}, .notes = {}});
      });
    }
    if (attempt->stopping) {
      co_await attempt->changed.wait();
    } else {
      co_await (attempt->changed.wait() || stop.wait());
    }
  }
  if (attempt->state == State::lost) {
    co_return Outcome{.what = steps::Lost{.reason = "its supervisor left no result"}, .notes = {}};
  }
  co_return attempt->outcome;
}

// Half of the workspaces need nothing to be done. Who looks twice sees the same.
std::optional<Outcome> Outside::look(const steps::Step& step) {
  const AttemptId id{.run = step.run.run, .key = step.key, .attempt = step.attempt};
  const bool needs_nothing = step.type.ends_with("Workspace") && !attempts_.contains(id);
  if (!needs_nothing || world_.chance(500)) return std::nullopt;
  JsonText output{std::to_string(id.run.text.size() + id.key.text.size())};
  judge_.attempt_ended(id, output);
  return Outcome{.what = steps::Completed{.output = std::move(output)}, .notes = {}};
}

Task<Outcome> Outside::run_step(Port& port, std::string driver, steps::StepHost& host,
                                steps::Step step, StopSource& stop) {
  const AttemptId id{.run = step.run.run, .key = step.key, .attempt = step.attempt};
  if (step.type == "agent" && !(step.recovery && step.recovery->checkpoint)) {
    co_await host.checkpoint(step, {fmt::format(R"({{"session":"{}"}})", step.attempt)});
  }
  co_await port.pass(Milliseconds(world_.below(3)));
  if (port.is_cut()) co_return Outcome{.what = steps::Lost{.reason = "killed"}, .notes = {}};
  const auto found = attempts_.find(id);
  if (found != attempts_.end() && !step.recovery) {
    co_return Outcome{.what = steps::Failed{{.name = "Error", .message = "claimed by another"}},
                      .notes = {}};
  }
  auto attempt = found != attempts_.end() ? found->second : start(driver, id, step);
  co_return co_await watch(id, std::move(attempt), stop);
}

Task<steps::EffectOutcome> Outside::perform_effect(Port& port, std::string driver, steps::Step step,
                                                   StopSource& stop) {
  const AttemptId id{.run = step.run.run, .key = step.key, .attempt = step.attempt};
  if (stop.requested() || port.is_cut()) {
    co_return steps::EffectOutcome{.ok = false, .value = {R"({"message":"stopped"})"}};
  }
  judge_.effect_starts(driver, id);
  // A driver that does not know yet that it has lost the run.
  const auto* run = judge_.find(id.run);
  const bool stale = run != nullptr && run->owner.driver != driver;
  const auto effect = std::make_shared<Effect>(Effect{
      .id = id, .run_dir = step.run.run_dir, .attempt_dir = step.attempt_dir(), .stale = stale});
  effects_.push_back(effect);
  if (effects_.size() > kept_effects) {
    std::erase_if(effects_, [](const auto& old) { return !old->alive; });
  }
  // It goes on to its own end when the driver dies.
  const auto changed = std::make_shared<Wakeup>(world_.executor());
  world_.after(world_.some_time(), [effect, changed] {
    effect->alive = false;
    changed->notify();
  });
  bool stopping = false;
  while (effect->alive && !port.is_cut()) {
    if (stop.requested() && !stopping) {
      stopping = true;
      world_.after(Milliseconds(world_.below(5000)), [effect, changed] {
        effect->alive = false;
        changed->notify();
      });
    }
    if (stopping) {
      co_await (changed->wait() || port.changed().wait());
    } else {
      co_await (changed->wait() || stop.wait() || port.changed().wait());
    }
  }
  co_return steps::EffectOutcome{.ok = !stopping, .value = {"1"}};
}

Task<> Outside::end_lost_effects(Port& port, std::filesystem::path attempt_dir) {
  co_await port.pass(Milliseconds(world_.below(20)));
  if (port.is_cut()) co_return;
  for (const auto& effect : effects_) {
    if (effect->attempt_dir == attempt_dir) effect->alive = false;
  }
}

Task<> Outside::end_lost_effects_of_run(Port& port, std::filesystem::path run_dir) {
  co_await port.pass(Milliseconds(world_.below(20)));
  if (port.is_cut()) co_return;
  for (const auto& effect : effects_) {
    if (effect->run_dir == run_dir) effect->alive = false;
  }
}

void Outside::kill_a_supervisor() {
  for (const auto& [id, attempt] : attempts_) {
    if (attempt->state != State::running || !world_.chance(500)) continue;
    world_.trace("the supervisor of {} is killed", to_text(id));
    world_.cancel(attempt->end);
    attempt->state = State::lost;
    attempt->changed.notify();
    return;
  }
}

void Outside::lose_power() {
  for (const auto& [id, attempt] : attempts_) {
    if (attempt->state != State::running) continue;
    world_.cancel(attempt->end);
    attempt->state = State::lost;
    attempt->changed.notify();
  }
  effects_.clear();
}

std::string Outside::alive(const history::RunId& run) const {
  for (const auto& [id, attempt] : attempts_) {
    if (id.run == run && attempt->state == State::running) return to_text(id) + " still runs";
  }
  for (const auto& effect : effects_) {
    if (effect->id.run == run && effect->alive && !effect->stale) {
      return "an effect of " + to_text(effect->id) + " still runs";
    }
  }
  return {};
}

}  // namespace agentcmd::simulation
