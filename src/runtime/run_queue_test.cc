#include "runtime/run_queue.h"

#include "runtime/home_fixture.h"
#include "runtime/ownership.h"

namespace agentcmd::runtime {
namespace {

using history::RunId;

class Told final : public Observer {
 public:
  void committed(const RunId&, const history::Event&) override {}
  void output(const RunId&, const history::StepKey&, std::string_view, std::string_view) override {}
  void queued(const RunId& run, std::size_t position, const std::string& reason) override {
    lines.push_back(fmt::format("{} {}: {}", run.text, position, reason));
  }
  std::vector<std::string> lines;
};

// A driver as far as the queue knows it: a lock, a queue, and runs.
struct Process {
  Process(const asio::any_io_executor& executor, store::Store& store_in, const store::Home& home,
          Random& random, engine::FlowLimits limits)
      : store(store_in),
        options{.home = home, .observer = &told, .limits = limits},
        lock(std::make_unique<DriverLock>(home, random)),
        machine(local_machine(executor, home, {}, random)),
        queue(executor, store_in, *machine, options, lock->id()),
        tasks(executor) {}

  store::Store& store;
  Told told;
  DriverOptions options;
  std::unique_ptr<DriverLock> lock;
  std::unique_ptr<Machine> machine;
  RunQueue queue;
  TaskGroup tasks;
  std::vector<std::string> entered;
  bool gives_up = false;
};

class RunQueueTest : public HomeFixture {
 protected:
  ~RunQueueTest() override {
    for (auto& process : processes) {
      wait(process->queue.stop());
      process->tasks.cancel();
      wait(process->tasks.join());
    }
    processes.clear();
  }

  Process& process(engine::FlowLimits limits) {
    processes.push_back(std::make_unique<Process>(io.get_executor(), *store, home, random, limits));
    return *processes.back();
  }
  store::StartedRun create(Process& by, const std::string& run,
                           std::vector<history::FlowGroup> groups = {}) {
    history::RunCreated created{.definition = "one", .project = "/p", .request = {"{}"}};
    created.flow = history::flow_text({.groups = std::move(groups)});
    store::RunStart start{
        .creation = {.run = {run},
                     .owner = {.driver = by.lock->id()},
                     .events = {{.seq = 1, .at = clock.now(), .detail = created}}}};
    return wait(by.queue.start(std::move(start))).value();
  }
  static Task<> enter(Process& process, RunId run) {
    co_await process.queue.enter(run, false, [&process] { return process.gives_up; }, [] {});
    process.entered.push_back(run.text);
  }
  void enters(Process& process, const std::string& run) {
    process.tasks.spawn("enter", enter(process, {run}));
  }
  void end(Process& by, const std::string& run) {
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = {run},
                     .expected_seq = 1,
                     .owner = {.driver = by.lock->id()},
                     .events = {{.seq = 2, .at = clock.now(), .detail = history::RunCancelled{}}}});
    ASSERT_TRUE(wait(store->log().append(std::move(parts))));
    wait(by.queue.leave({run}));
  }

  SystemClock clock;
  SystemRandom random;
  std::vector<std::unique_ptr<Process>> processes;
};

TEST_F(RunQueueTest, ARunThatFitsHasItsPlaceFromItsCreationOn) {
  auto& one = process({.runs = 2});
  EXPECT_TRUE(create(one, "r1").has_place);
  EXPECT_TRUE(create(one, "r2").has_place);
  EXPECT_FALSE(create(one, "r3").has_place);
  wait(enter(one, {"r1"}));
  EXPECT_EQ(one.entered.size(), 1U);
}

TEST_F(RunQueueTest, WithoutLimitsNoPlaceIsNeeded) {
  auto& one = process({});
  EXPECT_FALSE(create(one, "r1").has_place);
  wait(enter(one, {"r1"}));
  EXPECT_TRUE(one.told.lines.empty());
}

TEST_F(RunQueueTest, TheEndOfARunLetsTheNextOneOfAnotherProcessIn) {
  auto& one = process({.runs = 1});
  auto& two = process({.runs = 1});
  create(one, "r1");
  create(two, "r2");
  create(one, "r3");
  enters(one, "r3");
  enters(two, "r2");
  run_until([&] { return !one.told.lines.empty() && !two.told.lines.empty(); });
  EXPECT_EQ(two.told.lines[0], "r2 1: 1 of 1 runs of this home is running: r1");
  EXPECT_EQ(one.told.lines[0],
            "r3 2: 1 of 1 runs of this home is running: r1; 1 more waits before it");
  end(one, "r1");
  run_until([&] { return !two.entered.empty(); });
  EXPECT_TRUE(one.entered.empty());
  end(two, "r2");
  run_until([&] { return !one.entered.empty(); });
}

TEST_F(RunQueueTest, AProcessThatIsKilledFreesItsPlaces) {
  auto& one = process({.runs = 1});
  auto& two = process({.runs = 1});
  create(one, "r1");
  create(two, "r2");
  enters(two, "r2");
  run_until([&] { return !two.told.lines.empty(); });
  one.lock.reset();  // what the kernel does
  run_until([&] { return !two.entered.empty(); });
}

TEST_F(RunQueueTest, AWaitingRunOfAProcessThatIsGoneHoldsUpNobody) {
  auto& gone = process({.runs = 1});
  auto& two = process({.runs = 1});
  create(two, "r1");
  create(gone, "r2");
  create(two, "r3");
  gone.lock.reset();
  end(two, "r1");
  enters(two, "r3");
  run_until([&] { return !two.entered.empty(); });
  const auto queued = wait(queued_runs(*store, home, {.runs = 1}));
  ASSERT_EQ(queued.size(), 1U);
  EXPECT_EQ(queued[0].place.run.text, "r2");
  EXPECT_NE(queued[0].reason.find("agentcmd worker"), std::string::npos) << queued[0].reason;
}

TEST_F(RunQueueTest, WhoGivesUpLeavesTheQueueWithoutAPlace) {
  auto& one = process({.runs = 1});
  create(one, "r1");
  create(one, "r2");
  enters(one, "r2");
  run_until([&] { return !one.told.lines.empty(); });
  one.gives_up = true;
  one.queue.look();
  run_until([&] { return !one.entered.empty(); });
  EXPECT_FALSE(wait(store->places().find({"r2"}))->is_held());
}

TEST_F(RunQueueTest, ARunThatIsLeftAtAPauseGivesItsPlaceBackAndHoldsUpNobody) {
  auto& one = process({});
  const history::FlowGroup single{.id = "one", .label = "runs of 'one'"};
  create(one, "r1", {single});
  create(one, "r2", {single});
  enters(one, "r2");
  run_until([&] { return !one.told.lines.empty(); });
  EXPECT_EQ(one.told.lines[0], "r2 1: 1 of 1 runs of 'one' is running: r1");
  wait(one.queue.leave({"r1"}));
  run_until([&] { return !one.entered.empty(); });
  EXPECT_TRUE(wait(queued_runs(*store, home, {})).empty()) << "nobody wants to go on with r1";
  enters(one, "r1");
  run_until([&] { return one.told.lines.size() == 2; });
  EXPECT_EQ(one.told.lines[1], "r1 1: 1 of 1 runs of 'one' is running: r2");
}

}  // namespace
}  // namespace agentcmd::runtime
