#include "simulation/process.h"

#include "base/fault.h"

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <utility>

namespace agentcmd::simulation {

using history::RunId;

namespace {

constexpr auto leave_max = std::chrono::minutes(10);

}  // namespace

class Process::Watcher final : public runtime::Observer {
 public:
  Watcher(Port& port, Judge& judge) : port_(port), judge_(judge) {}
  void committed(const RunId& run, const history::Event& event) override {
    if (!port_.is_cut()) judge_.observed(port_.process(), run, event);
  }
  bool wants_output() const override { return false; }
  void output(const RunId&, const history::StepKey&, std::string_view, std::string_view) override {}

 private:
  Port& port_;
  Judge& judge_;
};

class Process::ShiftedClock final : public Clock {
 public:
  ShiftedClock(World& world, Milliseconds ahead) : world_(world), ahead_(ahead) {}
  Time now() const override { return world_.wall() + ahead_; }

 private:
  World& world_;
  Milliseconds ahead_;
};

Process::Process(Surroundings& shared, int number, Kind kind, bool wait_when_paused)
    : shared_(shared),
      kind_(kind),
      port_(shared.world, fmt::format("d{}", number)),
      store_(port_, shared.disk, shared.judge, shared.disk_state),
      clock_(std::make_unique<ShiftedClock>(shared.world, shared.clock_ahead)),
      watcher_(std::make_unique<Watcher>(port_, shared.judge)),
      tasks_(shared.world.executor()) {
  shared.world.trace("{} starts{}", id(), keeps() ? ", and keeps the home going" : "");
  auto machine = std::make_unique<SimulatedMachine>(
      port_, shared.judge, shared.outside, shared.drivers, shared.find_program, shared.machine);
  machine_ = machine.get();
  runtime::DriverOptions options{.home = {.root = "/home"},
                                 .libexec = "/libexec",
                                 .snapshots = runtime::SnapshotPolicy::always,
                                 .observer = watcher_.get(),
                                 .wait_when_paused = wait_when_paused && !keeps()};
  options.make_run = [this](const std::filesystem::path&, std::string workflow, const JsonText&) {
    return make_child(std::move(workflow));
  };
  driver_ = runtime::start_driver_on(std::move(machine), shared.world.executor(), store_, *clock_,
                                     shared.world.random(), std::move(options));
  if (keeps()) tasks_.spawn("keep", keep_task());
}

// As `agentcmd worker`: it ends where it cannot begin.
Task<> Process::keep_task() {
  try {
    runtime::KeepOptions options;
    options.settled = [this](const RunId& run, const runtime::Driven& driven) {
      if (!port_.is_cut()) shared_.judge.driven(id(), run, driven);
    };
    co_await driver_->keep(std::move(options));
  } catch (const Bug& bug) {
    shared_.world.violation("bug", bug.what());
  } catch (const std::exception& error) {
    failed(error.what());
    leave();
  }
}

namespace {

runtime::NewRun new_run(std::string code_hash, std::string name) {
  return {.bundle = {.hash = code_hash, .file = "sim.ts"},
          .definition = std::move(code_hash),
          .project = "/project",
          .name = std::move(name),
          .request = {R"({"args":{},"mode":"stay"})"}};
}

}  // namespace

Task<Result<runtime::NewRun>> Process::make_child(std::string workflow) {
  co_await port_.pass(Milliseconds(shared_.world.below(5)));
  auto run = new_run(workflow, workflow);
  run.request = {R"({"args":{}})"};
  co_return run;
}

Process::~Process() {
  kill();
}

void Process::create(std::string code_hash, std::string name) {
  tasks_.spawn("create", create_task(new_run(std::move(code_hash), std::move(name))));
}

void Process::create(const runtime::ForkPlan& plan) {
  tasks_.spawn("create", create_task({.bundle = {.hash = plan.code_hash, .file = plan.file},
                                      .definition = plan.definition,
                                      .project = plan.project,
                                      .name = plan.name,
                                      .request = plan.request,
                                      .fork = plan.fork}));
}

void Process::drive(const RunId& run, bool resume) {
  if (!driving_.insert(run).second) return;
  tasks_.spawn("drive", drive_task(run, resume));
}

void Process::cancel(const RunId& run) {
  tasks_.spawn("cancel", driver_->cancel(run, id()));
}

void Process::failed(const std::string& what) {
  if (port_.is_cut()) return;
  shared_.world.trace("{}: {}", id(), what);
}

Task<> Process::create_task(runtime::NewRun run) {
  try {
    const auto created = co_await driver_->create(std::move(run));
    if (!created) co_return failed(created.error().message);
    if (!driving_.insert(*created).second) co_return;
    co_await drive_owned(*created, false);
  } catch (const Bug& bug) {
    shared_.world.violation("bug", bug.what());
  } catch (const std::exception& error) {
    failed(error.what());
  }
}

Task<> Process::drive_task(RunId run, bool resume) {
  try {
    const auto adopted = co_await driver_->adopt(run);
    if (adopted) co_return co_await drive_owned(run, resume);
    failed(adopted.error().message);
  } catch (const Bug& bug) {
    shared_.world.violation("bug", bug.what());
  } catch (const std::exception& error) {
    failed(error.what());
  }
  driving_.erase(run);
}

Task<> Process::drive_owned(RunId run, bool resume) {
  try {
    const auto driven = co_await driver_->drive(run, resume);
    if (!driven) {
      failed(driven.error().message);
    } else if (!port_.is_cut()) {
      shared_.judge.driven(id(), run, *driven);
    }
  } catch (const Bug& bug) {
    shared_.world.violation("bug", bug.what());
  } catch (const std::exception& error) {
    failed(error.what());
  }
  driving_.erase(run);
}

Task<> Process::leave_task() {
  co_await driver_->stop();
  left_ = true;
}

void Process::leave() {
  if (!is_alive()) return;
  shared_.world.trace("{} leaves", id());
  leaving_ = true;
  leaving_since_ = shared_.world.elapsed();
  tasks_.spawn("leave", leave_task());
  end_when_left();
}

void Process::end_when_left() {
  if (driver_ == nullptr) return;
  if (left_ && tasks_.size() == 0) return end();
  if (shared_.world.elapsed() - leaving_since_ > leave_max) {
    shared_.world.violation("leaving", id() + " cannot be left");
    return;
  }
  shared_.world.after(Milliseconds(20), [this] { end_when_left(); });
}

void Process::end() {
  store_.cut();
  port_.cut();
  driver_.reset();
  driving_.clear();
  shared_.world.trace("{} is gone", id());
}

void Process::kill() {
  if (driver_ == nullptr || stuck_) return;
  shared_.world.trace("{} is killed", id());
  store_.cut();
  port_.cut();
  shared_.drivers.remove(id());
  if (!std::exchange(leaving_, true)) tasks_.spawn("leave", leave_task());
  shared_.world.settle();
  if (left_ && tasks_.size() == 0) return end();
  // What cannot be taken down is left as it is, as a killed process would be.
  shared_.world.violation("leaving", id() + " does something for ever");
  stuck_ = true;
}

}  // namespace agentcmd::simulation
