#include "runtime/driver.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/decide.h"
#include "runtime/driver_socket.h"
#include "runtime/local_driver.h"
#include "steps/environment.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace agentcmd::runtime {

using history::ClosureEnd;
using history::RunCreated;
using history::RunId;

namespace {

using Actors = std::map<RunId, std::unique_ptr<RunActor>>;

// Forgets the actor of a run that is driven no more.
struct ActorMark {
  ActorMark(Actors& actors, RunId run) : actors_(actors), run_(std::move(run)) {}
  ~ActorMark() { actors_.erase(run_); }
  ActorMark(const ActorMark&) = delete;
  ActorMark& operator=(const ActorMark&) = delete;

 private:
  Actors& actors_;
  RunId run_;
};

}  // namespace

LocalDriver::LocalDriver(boost::asio::any_io_executor executor, store::Store& store, Clock& clock,
                         Random& random, DriverOptions options, std::unique_ptr<Machine> machine)
    : executor_(executor),
      store_(store),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      machine_(std::move(machine)),
      presence_(machine_->register_driver()),
      slots_(limits::agents_at_once, limits::commands_at_once),
      places_(executor, store, *machine_, options_, presence_->driver()),
      workers_(machine_->make_worker_host(handlers())),
      env_(steps::step_environment(options_.environment)),
      sleepers_alarm_(machine_->make_alarm()),
      look_alarm_(machine_->make_alarm()),
      stuck_alarm_(machine_->make_alarm()),
      stopped_(executor),
      runs_(executor),
      tasks_(executor) {
  tasks_.spawn("driver socket", presence_->listen([this] { look_around(); }));
  arm_look();
}

store::RunAppend LocalDriver::first_append(const NewRun& run, RunCreated created) {
  created.definition = run.definition;
  created.file = run.bundle.file;
  created.code_hash = run.bundle.hash;
  created.project = run.project.string();
  created.name = run.name;
  created.timeout = static_cast<std::uint64_t>(run.timeout.count());
  created.seed = random_.next();
  created.origin = run.origin;
  created.cause = run.cause;
  created.flow = history::flow_text(run.flow);
  created.request = run.request;
  std::vector<history::Detail> details;
  if (run.fork) {
    details = forked(std::move(created), *run.fork);
  } else {
    details.emplace_back(std::move(created));
  }
  return {.run = {make_id('r', random_)},
          .expected_seq = 0,
          .owner = {.driver = presence_->driver(), .term = 1},
          .events = engine::number({}, clock_.now(), std::move(details))};
}

Task<Result<RunId>> LocalDriver::create(NewRun run) {
  const auto requested = co_await request(std::move(run), {});
  if (!requested) co_return tl::unexpected(requested.error());
  co_return requested->run;
}

Task<Result<Requested>> LocalDriver::request(NewRun run, StartPolicy policy) {
  auto first = first_append(run, {});
  const auto owner = first.owner;
  auto events = first.events;
  auto by = "run " + first.run.text;
  store::RunStart start{.creation = std::move(first),
                        .causes = std::move(policy.causes),
                        .refuse_if = std::move(policy.refuse_if),
                        .cancel = std::move(policy.cancel),
                        .by = std::move(by)};
  const auto started = co_await places_.start(std::move(start));
  if (!started) co_return tl::unexpected(started.error());
  if (started->is_new) {
    owned_[started->run] = owner;
    new_[started->run] = std::move(events);
  }
  co_return Requested{.run = started->run, .is_new = started->is_new, .message = started->message};
}

Task<Result<void>> LocalDriver::adopt(RunId run) {
  if (owned_.contains(run)) co_return Result<void>();
  const auto owner = co_await store_.log().owner(run);
  if (!owner) co_return fail(ErrorCode::not_found, "no run '" + run.text + "'");
  if (machine_->is_driver_alive(owner->driver)) {
    co_return fail(ErrorCode::conflict, fmt::format("run {} is being executed by process {}",
                                                    run.text, machine_->driver_pid(owner->driver)));
  }
  auto taken = co_await store_.log().take_over(run, *owner, presence_->driver());
  if (!taken) co_return tl::unexpected(taken.error());
  owned_[run] = *taken;
  co_return Result<void>();
}

Task<Result<Driven>> LocalDriver::drive(RunId run, bool resume) {
  if (stopping_) co_return fail(ErrorCode::cancelled, "the driver is stopping");
  const auto owned = owned_.find(run);
  if (owned == owned_.end()) {
    co_return fail(ErrorCode::failed_precondition, "run " + run.text + " is not ours to execute");
  }
  Result<Driven> driven = fail(ErrorCode::cancelled, "the run was left");
  std::string parent;
  std::exception_ptr fault;
  try {
    // However it ends: whoever drives the run next begins with what is on disk.
    auto& actor = actor_of(run, owned->second);
    const ActorMark mark{actors_, run};
    co_await places_.enter(run, resume, [&actor] { return actor.is_called_off(); }, [] {});
    driven = co_await actor.drive(resume);
    parent = actor.parent();
  } catch (...) {
    fault = std::current_exception();  // whatever it is, the place is not kept
  }
  co_await places_.leave(run);
  if (fault) std::rethrow_exception(fault);
  if (driven && store::is_terminal(driven->status)) {
    owned_.erase(run);
    tell_family(run, parent);
  } else if (!driven && driven.error().code == ErrorCode::conflict) {
    co_await forget_if_lost(run);
  }
  co_return driven;
}

// Another driver has taken the run over: it is adopted again before it is driven again.
Task<> LocalDriver::forget_if_lost(RunId run) {
  const auto owner = co_await store_.log().owner(run);
  const auto ours = owned_.find(run);
  if (ours != owned_.end() && (!owner || *owner != ours->second)) owned_.erase(ours);
  look_around();
}

Task<> LocalDriver::cancel(RunId run, std::string by) {
  const auto owned = owned_.find(run);
  if (owned != owned_.end()) actor_of(run, owned->second).request_cancel(std::move(by));
  places_.look();
  co_return;
}

Task<> LocalDriver::stop() {
  stopping_ = true;
  queue_.clear();
  look_alarm_->cancel();
  stuck_alarm_->cancel();
  sleepers_alarm_->cancel();
  stopped_.notify();
  for (auto& [run, actor] : actors_) actor->leave();
  co_await places_.stop();
  co_await runs_.join();
  tasks_.cancel();
  co_await tasks_.join();
  co_await workers_->stop();
}

RunActor& LocalDriver::actor_of(const RunId& run, const store::Owner& owner) {
  auto& actor = actors_[run];
  if (!actor) {
    const Services services{.executor = executor_,
                            .store = store_,
                            .clock = clock_,
                            .machine = *machine_,
                            .workers = *workers_,
                            .slots = slots_,
                            .options = options_,
                            .env = env_,
                            .family = *this};
    if (actors_.size() == 1) look_for_stuck_runs();
    actor = std::make_unique<RunActor>(services, run, owner);
    if (auto created = new_.extract(run)) actor->is_new(std::move(created.mapped()));
  }
  return *actor;
}

script::WorkerHandlers LocalDriver::handlers() {
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
                for (auto& [run, actor] : actors_) {
                  if (workers_->was_in_it(run)) actor->worker_died();
                }
              }};
}

Task<script::EffectResult> LocalDriver::perform(script::Effect effect) {
  const auto actor = actors_.find(effect.run);
  if (actor == actors_.end()) {
    co_return script::EffectResult{.ok = false, .value = {R"({"message":"the run is over"})"}};
  }
  co_return co_await actor->second->perform(std::move(effect));
}

void LocalDriver::change_code(RunId run, std::string code_hash) {
  const auto owned = owned_.find(run);
  if (owned != owned_.end()) actor_of(run, owned->second).change_code(std::move(code_hash));
}

std::vector<StuckRun> LocalDriver::check_stuck() {
  std::vector<StuckRun> stuck;
  for (const auto& [run, actor] : actors_) {
    auto reasons = actor->help_if_stuck();
    if (!reasons.empty()) stuck.push_back({.run = run, .reasons = std::move(reasons)});
  }
  return stuck;
}

// Every minute while there are runs.
void LocalDriver::look_for_stuck_runs() {
  stuck_alarm_->set(limits::stuck_check_every, [this] {
    check_stuck();
    if (!actors_.empty()) look_for_stuck_runs();
  });
}

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

Task<std::vector<std::uint64_t>> send_events(store::Store& store, store::Home home,
                                             std::vector<store::ProjectEvent> events) {
  auto ids = co_await store.events().add(std::move(events));
  wake_all_drivers(home);
  co_return ids;
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
