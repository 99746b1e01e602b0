#include "runtime/replayer.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace agentcmd::runtime {

using history::Activation;
using history::Completion;
using history::Event;

namespace {

Task<script::EffectResult> refuse(script::Effect) {
  co_return script::EffectResult{
      .ok = false, .value = {R"({"name":"Error","message":"a replay has no effects"})"}};
}

std::string failure_of(const script::ActivationOutcome& outcome) {
  if (const auto* died = std::get_if<script::WorkerDied>(&outcome)) return died->message;
  const auto* stopped = std::get_if<script::RunStopped>(&outcome);
  if (stopped == nullptr) return {};
  return stopped->stack.empty() ? stopped->message : stopped->message + "\n" + stopped->stack;
}

ReplayVerdict verdict_on(const std::vector<engine::Asked>& recorded,
                         const script::ActivationOutcome& outcome) {
  ReplayVerdict verdict{.commands = recorded.size()};
  if (const auto* completion = std::get_if<Completion>(&outcome)) {
    verdict.mismatch = engine::compare(recorded, engine::asked_in(completion->commands));
  } else {
    verdict.failure = failure_of(outcome);
  }
  return verdict;
}

}  // namespace

std::string describe(const ReplayVerdict& verdict) {
  if (!verdict.failure.empty()) return verdict.failure;
  return verdict.mismatch ? engine::describe(*verdict.mismatch) : "";
}

Replayer::Replayer(boost::asio::any_io_executor executor, std::filesystem::path libexec)
    : executor_(std::move(executor)), libexec_(std::move(libexec)) {}

Task<> Replayer::stop() {
  if (!worker_) co_return;
  const auto worker = std::exchange(worker_, nullptr);
  co_await worker->stop();
}

Task<Result<Replayer::Replayed>> Replayer::replay(Activation activation,
                                                  const script::Bundle& bundle) {
  if (!worker_) {
    auto worker = co_await script::start_worker(executor_, libexec_, {.effect = refuse});
    if (!worker) co_return tl::unexpected(worker.error());
    worker_ = *std::move(worker);
  }
  worker_->load(bundle);
  activation.run = {fmt::format("replay-{}", ++replays_)};
  const auto context = activation.run;
  auto outcome = co_await worker_->activate(std::move(activation));
  co_return Replayed{.context = context, .outcome = std::move(outcome)};
}

Task<> Replayer::forget(Replayed replayed) {
  if (std::holds_alternative<script::WorkerDied>(replayed.outcome)) {
    co_await stop();
  } else {
    worker_->evict(replayed.context);
  }
}

// Where the code asked is found out only when it asked for something else: a stack for each command
// takes longer than all the rest.
Task<Result<ReplayVerdict>> Replayer::check(history::RunId run, std::vector<Event> events,
                                            script::Bundle bundle) {
  const auto state = engine::state_of(events);
  const auto recorded = engine::asked_in(events);
  ReplayVerdict verdict{.commands = recorded.size()};
  auto activation = engine::replay_of(run, state, events, bundle.hash);
  if (activation.jobs.empty()) co_return verdict;
  for (const bool locate : {false, true}) {
    activation.locate = locate;
    const auto replayed = co_await replay(activation, bundle);
    if (!replayed) co_return tl::unexpected(replayed.error());
    co_await forget(*replayed);
    verdict = verdict_on(recorded, replayed->outcome);
    if (!verdict.mismatch) break;
  }
  co_return verdict;
}

Task<Result<JsonText>> Replayer::query(history::RunId run, std::vector<Event> events,
                                       script::Bundle bundle, std::string name, JsonText args) {
  auto activation = engine::replay_of(run, engine::state_of(events), events, bundle.hash);
  if (activation.jobs.empty()) {
    co_return fail(ErrorCode::failed_precondition, "the run has not begun yet: ask it later");
  }
  const auto replayed = co_await replay(std::move(activation), bundle);
  if (!replayed) co_return tl::unexpected(replayed.error());
  const auto verdict = verdict_on(engine::asked_in(events), replayed->outcome);
  auto answer = verdict.matches()
                    ? co_await worker_->query(replayed->context, std::move(name), std::move(args))
                    : fail(ErrorCode::failed_precondition,
                           "the run's code cannot be asked, as it no longer does what its history "
                           "says: " +
                               describe(verdict));
  co_await forget(*replayed);
  co_return answer;
}

}  // namespace agentcmd::runtime
