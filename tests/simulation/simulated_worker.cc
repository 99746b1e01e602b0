#include "simulation/simulated_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::simulation {

using history::Activation;
using history::ClosureEnd;
using history::Completion;
using history::ProbeJob;
using history::RunClosureJob;
using history::RunId;
using history::StartJob;
using script::ActivationOutcome;
using script::RunStopped;
using script::WorkerDied;

SimulatedWorker::SimulatedWorker(Port& port, Judge& judge, const MachineOptions& options,
                                 FindProgram find_program, script::WorkerHandlers handlers)
    : port_(port),
      judge_(judge),
      options_(options),
      driver_(port.process()),
      find_program_(std::move(find_program)),
      handlers_(std::move(handlers)),
      closures_(port.world().executor()) {}

Task<> SimulatedWorker::ensure_started(const history::RunId&) {
  co_await port_.pass(Milliseconds(port_.world().below(3)));
}

Task<Result<ActivationOutcome>> SimulatedWorker::activate(Activation activation) {
  const auto generation = generation_;
  const auto run = activation.run;
  const auto evictions = evictions_[run];
  auto& world = port_.world();
  co_await port_.pass(Milliseconds(world.below(4)));
  if (port_.is_cut() || generation != generation_) co_return WorkerDied{"killed"};
  if (evictions != evictions_[run])
    co_return RunStopped{.reason = "missing", .message = {}, .stack = {}};
  std::vector<Going> going;
  auto outcome = apply(activation, going);
  co_await port_.pass(Milliseconds(world.below(4)));
  if (port_.is_cut() || generation != generation_) co_return WorkerDied{"killed"};
  // What comes after the completion is told after the caller has it.
  for (auto& closure : going) {
    world.after(Milliseconds(world.below(6)), [this, port = &port_, closure = std::move(closure)] {
      if (!port->is_cut() && !stopped_) closures_.spawn("closure", run_closure(closure));
    });
  }
  co_return outcome;
}

ActivationOutcome SimulatedWorker::apply(const Activation& activation, std::vector<Going>& going) {
  auto found = contexts_.find(activation.run);
  if (found == contexts_.end()) {
    if (!std::holds_alternative<StartJob>(activation.jobs.front().what)) {
      return RunStopped{.reason = "missing", .message = {}, .stack = {}};
    }
    const auto* program = find_program_(activation.code_hash);
    if (program == nullptr) return RunStopped{.reason = "load", .message = {}, .stack = {}};
    found = contexts_.try_emplace(activation.run, *program, ++last_context_).first;
    found->second.known = activation.known;
  }
  auto& context = found->second;
  port_.world().trace("the worker of {} is told {} jobs of {}{}", driver_, activation.jobs.size(),
                      activation.run.text, activation.replaying ? ", replaying" : "");
  Completion completion{.run = activation.run};
  for (const auto& job : activation.jobs) {
    if (const auto* again = std::get_if<RunClosureJob>(&job.what)) {
      begin_closure(context, {activation.run, again->key, again->attempt}, completion, going);
    } else if (const auto* probe = std::get_if<ProbeJob>(&job.what)) {
      port_.world().trace("{} probes {}", driver_, probe->key.text);
      going.push_back({.id = {activation.run, probe->key, probe->attempt},
                       .context = context.number,
                       .is_probe = true});
    } else {
      context.code.apply(job, activation.replaying, activation.patches);
    }
  }
  completion.commands = context.code.take_commands();
  for (const auto& key : context.code.take_closures()) {
    if (activation.replaying || !context.code.is_open(key)) continue;
    if (std::ranges::find(context.known, key.text) != context.known.end()) continue;
    begin_closure(context, {activation.run, key, 1}, completion, going);
  }
  return completion;
}

void SimulatedWorker::begin_closure(Context& context, AttemptId id, Completion& completion,
                                    std::vector<Going>& going) {
  const auto* node = context.code.closure(id.key);
  if (node == nullptr) {
    return port_.world().violation("protocol", to_text(id) + " is begun and was never asked for");
  }
  judge_.closure_starts(driver_, id);
  if (node->count == 0 && going.empty()) {
    completion.closures.push_back(end_of(id));
  } else {
    going.push_back({.id = std::move(id), .effects = node->count, .context = context.number});
  }
}

ClosureEnd SimulatedWorker::end_of(const AttemptId& id) {
  auto& world = port_.world();
  ClosureEnd end{.key = id.key, .attempt = id.attempt};
  if (world.chance(200)) {
    end.threw = true;
    end.failure = {.name = world.chance(300) ? "NoLuck" : "Error",
                   .message = "closure",
                   .final = world.chance(100)};
  } else {
    end.output = {std::to_string(world.below(1'000'000))};
    judge_.closure_ended(driver_, id, end.output);
  }
  return end;
}

// It finds out that the step was done, or was not, or nothing.
ClosureEnd SimulatedWorker::end_of_probe(const AttemptId& id) {
  auto& world = port_.world();
  ClosureEnd end{.key = id.key, .attempt = id.attempt, .probe = true};
  if (world.chance(200)) {
    end.threw = true;
    end.failure = {.name = "Error", .message = "cannot tell"};
  } else if (world.chance(500)) {
    end.output = {R"({"done":false})"};
  } else {
    const JsonText output{std::to_string(world.below(1'000'000))};
    judge_.probe_found(driver_, id, output);
    end.output = {fmt::format(R"({{"done":true,"success":true,"output":"{}"}})", output.text)};
  }
  return end;
}

bool SimulatedWorker::is_gone(const Going& closure) const {
  const auto context = contexts_.find(closure.id.run);
  return port_.is_cut() || context == contexts_.end() || context->second.number != closure.context;
}

Task<> SimulatedWorker::run_closure(Going closure) {
  auto& world = port_.world();
  for (std::uint32_t i = 0; i < closure.effects; ++i) {
    if (is_gone(closure)) co_return;
    script::Effect effect{.run = closure.id.run,
                          .key = closure.id.key,
                          .attempt = closure.id.attempt,
                          .name = world.chance(500) ? "fs.writeFile" : "fs.readFile",
                          .args = {"{}"}};
    co_await handlers_.effect(std::move(effect));
    co_await port_.pass(Milliseconds(world.below(4)));
  }
  if (is_gone(closure)) co_return;
  tell_end(closure.id.run, closure.is_probe ? end_of_probe(closure.id) : end_of(closure.id));
}

void SimulatedWorker::tell_end(const RunId& run, const ClosureEnd& end) {
  handlers_.closure_ended(run, end);
  auto& world = port_.world();
  if (!world.chance(options_.tells_twice)) return;
  world.after(world.some_time(), [this, port = &port_, run, end] {
    if (port->is_cut() || stopped_) return;
    port->world().trace("{} is told again that {} has ended", driver_, end.key.text);
    handlers_.closure_ended(run, end);
  });
}

void SimulatedWorker::evict(const RunId& run) {
  ++evictions_[run];
  contexts_.erase(run);
}

Task<> SimulatedWorker::stop() {
  stopped_ = true;
  closures_.cancel();
  co_await closures_.join();
}

void SimulatedWorker::die() {
  port_.world().trace("the worker of {} dies", driver_);
  ++generation_;
  contexts_.clear();
  handlers_.died("simulated");
}

void SimulatedWorker::stop_a_run() {
  if (contexts_.empty()) return;
  const auto run = contexts_.begin()->first;
  port_.world().trace("the code of {} is stopped", run.text);
  contexts_.erase(run);
  handlers_.stopped(run, {.reason = "time", .message = "it took too long", .stack = {}});
}

}  // namespace agentcmd::simulation
