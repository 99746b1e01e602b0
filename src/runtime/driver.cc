#include "runtime/driver.h"

#include "async/task_group.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/decide.h"
#include "runtime/driver_socket.h"
#include "runtime/machine.h"
#include "runtime/run_actor.h"
#include "steps/environment.h"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace agentcmd::runtime {

using history::ClosureEnd;
using history::RunCreated;
using history::RunId;

namespace {

class LocalDriver final : public Driver {
 public:
  LocalDriver(boost::asio::any_io_executor executor, store::Store& store, Clock& clock,
              Random& random, DriverOptions options, std::unique_ptr<Machine> machine)
      : executor_(executor),
        store_(store),
        clock_(clock),
        random_(random),
        options_(std::move(options)),
        machine_(std::move(machine)),
        presence_(machine_->register_driver()),
        slots_(limits::agents_at_once, limits::commands_at_once),
        workers_(machine_->make_worker_host(handlers())),
        env_(steps::step_environment(options_.environment)),
        tasks_(executor) {
    tasks_.spawn("driver socket", presence_->listen([this] { look_at_requests(); }));
  }

  Task<Result<RunId>> create(NewRun run) override {
    const RunId id{make_id('r', random_)};
    RunState state;
    RunCreated created{.definition = run.definition,
                       .file = run.bundle.file,
                       .code_hash = run.bundle.hash,
                       .project = run.project.string(),
                       .name = run.name,
                       .timeout = static_cast<std::uint64_t>(run.timeout.count()),
                       .seed = random_.next(),
                       .request = run.request};
    std::vector<history::Detail> details;
    if (run.fork) {
      details = forked(std::move(created), *std::move(run.fork));
    } else {
      details.emplace_back(std::move(created));
    }
    auto events = engine::number(state, clock_.now(), std::move(details));
    const store::Owner owner{.driver = presence_->driver(), .term = 1};
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = id, .expected_seq = 0, .owner = owner, .events = std::move(events)});
    const auto appended = co_await store_.log().append(std::move(parts));
    if (!appended) co_return tl::unexpected(appended.error());
    owned_[id] = owner;
    co_return id;
  }

  Task<Result<void>> adopt(RunId run) override {
    if (owned_.contains(run)) co_return Result<void>();
    const auto owner = co_await store_.log().owner(run);
    if (!owner) co_return fail(ErrorCode::not_found, "no run '" + run.text + "'");
    if (machine_->is_driver_alive(owner->driver)) {
      co_return fail(ErrorCode::conflict,
                     fmt::format("run {} is being executed by process {}", run.text,
                                 machine_->driver_pid(owner->driver)));
    }
    auto taken = co_await store_.log().take_over(run, *owner, presence_->driver());
    if (!taken) co_return tl::unexpected(taken.error());
    owned_[run] = *taken;
    co_return Result<void>();
  }

  Task<Result<Driven>> drive(RunId run, bool resume) override {
    const auto owned = owned_.find(run);
    if (owned == owned_.end()) {
      co_return fail(ErrorCode::failed_precondition, "run " + run.text + " is not ours to execute");
    }
    auto& actor = actor_of(run, owned->second);
    auto driven = co_await actor.drive(resume);
    actors_.erase(run);
    co_return driven;
  }

  void change_code(RunId run, std::string code_hash) override {
    const auto owned = owned_.find(run);
    if (owned != owned_.end()) actor_of(run, owned->second).change_code(std::move(code_hash));
  }

  Task<> cancel(RunId run, std::string by) override {
    const auto owned = owned_.find(run);
    if (owned != owned_.end()) actor_of(run, owned->second).request_cancel(std::move(by));
    co_return;
  }

  std::vector<StuckRun> check_stuck() override {
    std::vector<StuckRun> stuck;
    for (const auto& [run, actor] : actors_) {
      auto reasons = actor->help_if_stuck();
      if (!reasons.empty()) stuck.push_back({.run = run, .reasons = std::move(reasons)});
    }
    return stuck;
  }

  Task<> stop() override {
    stuck_alarm_->cancel();
    for (auto& [run, actor] : actors_) actor->leave();
    tasks_.cancel();
    co_await tasks_.join();
    co_await workers_->stop();
  }

 private:
  using RunState = engine::RunState;

  RunActor& actor_of(const RunId& run, const store::Owner& owner) {
    auto& actor = actors_[run];
    if (!actor) {
      const Services services{.executor = executor_,
                              .store = store_,
                              .clock = clock_,
                              .machine = *machine_,
                              .workers = *workers_,
                              .slots = slots_,
                              .options = options_,
                              .env = env_};
      if (actors_.size() == 1) look_for_stuck_runs();
      actor = std::make_unique<RunActor>(services, run, owner);
    }
    return *actor;
  }

  script::WorkerHandlers handlers() {
    return {.effect = [this](script::Effect effect) { return perform(std::move(effect)); },
            .closure_ended =
                [this](const RunId& run, const ClosureEnd& end) {
                  const auto actor = actors_.find(run);
                  if (actor != actors_.end()) actor->second->closure_ended(end);
                },
            .stopped =
                [this](const RunId& run, const script::RunStopped& stopped) {
                  const auto actor = actors_.find(run);
                  if (actor != actors_.end()) actor->second->stopped(stopped);
                },
            .died =
                [this](const std::string&) {
                  for (auto& [run, actor] : actors_) actor->worker_died();
                }};
  }

  Task<script::EffectResult> perform(script::Effect effect) {
    const auto actor = actors_.find(effect.run);
    if (actor == actors_.end()) {
      co_return script::EffectResult{.ok = false, .value = {R"({"message":"the run is over"})"}};
    }
    co_return co_await actor->second->perform(std::move(effect));
  }

  // Every minute while there are runs.
  void look_for_stuck_runs() {
    stuck_alarm_->set(limits::stuck_check_every, [this] {
      check_stuck();
      if (!actors_.empty()) look_for_stuck_runs();
    });
  }

  void look_at_requests() {
    for (const auto& [run, actor] : actors_) actor->look_at_requests();
  }

  // Constant after construction.
  boost::asio::any_io_executor executor_;
  store::Store& store_;
  Clock& clock_;
  Random& random_;
  DriverOptions options_;

  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Presence> presence_;
  Slots slots_;
  std::unique_ptr<WorkerHost> workers_;
  std::map<std::string, std::string> env_;

  std::unique_ptr<Alarm> stuck_alarm_ = machine_->make_alarm();
  std::map<RunId, store::Owner> owned_;
  std::map<RunId, std::unique_ptr<RunActor>> actors_;
  TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<Driver> start_driver_on(std::unique_ptr<Machine> machine,
                                        boost::asio::any_io_executor executor, store::Store& store,
                                        Clock& clock, Random& random, DriverOptions options) {
  return std::make_unique<LocalDriver>(std::move(executor), store, clock, random,
                                       std::move(options), std::move(machine));
}

Task<Result<std::unique_ptr<Driver>>> start_driver(boost::asio::any_io_executor executor,
                                                   store::Store& store, Clock& clock,
                                                   Random& random, DriverOptions options) {
  auto machine = local_machine(executor, options.home, options.libexec, random);
  co_return start_driver_on(std::move(machine), std::move(executor), store, clock, random,
                            std::move(options));
}

Task<Result<void>> request_cancel(boost::asio::any_io_executor executor, store::Store& store,
                                  Clock& clock, Random& random, DriverOptions options, RunId run,
                                  std::string by) {
  const auto owner = co_await store.log().owner(run);
  if (!owner) co_return fail(ErrorCode::not_found, "no run '" + run.text + "'");
  if (is_driver_alive(options.home, owner->driver)) {
    store::Request request{
        .run = run, .kind = "cancel", .data = {to_text({{"by", by}})}, .at = clock.now()};
    co_await store.requests().add(std::move(request));
    wake_driver(options.home, owner->driver);
    co_return Result<void>();
  }
  auto driver = co_await start_driver(executor, store, clock, random, std::move(options));
  if (!driver) co_return tl::unexpected(driver.error());
  auto result = co_await (*driver)->adopt(run);
  if (result) {
    co_await (*driver)->cancel(run, std::move(by));
    const auto driven = co_await (*driver)->drive(run, true);
    if (!driven) result = tl::unexpected(driven.error());
  }
  co_await (*driver)->stop();
  co_return result;
}

}  // namespace agentcmd::runtime
