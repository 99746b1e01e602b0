// A driver that keeps a home going: Driver::keep.

#include "runtime/driver_fixture.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using history::RunId;
using history::TimerFired;
using history::TimerStarted;
using history::WaitStarted;
using store::RunStatus;
using namespace std::chrono_literals;

class KeepTest : public DriverFixture {
 protected:
  KeepTest() { clock = &manual_clock; }

  // A driver in keep().
  struct Keeper {
    explicit Keeper(const asio::any_io_executor& executor) : tasks(executor) {}
    std::unique_ptr<Driver> driver;
    std::optional<BootReport> report;
    std::vector<std::pair<RunId, Driven>> settled;
    TaskGroup tasks;
  };

  std::unique_ptr<Keeper> keep(std::string of_project = "") {
    auto keeper = std::make_unique<Keeper>(io.get_executor());
    auto how = options();
    how.wait_when_paused = true;
    keeper->driver = driver(std::move(how));
    KeepOptions what{.project = std::move(of_project)};
    what.booted = [&out = *keeper](const BootReport& report) { out.report = report; };
    what.settled = [&out = *keeper](const RunId& run, const Driven& driven) {
      out.settled.emplace_back(run, driven);
    };
    keeper->tasks.spawn("keep", keeper->driver->keep(std::move(what)));
    run_until([&] { return keeper->report.has_value(); });
    return keeper;
  }
  void stop(std::unique_ptr<Keeper> keeper) {
    wait(keeper->driver->stop());
    wait(keeper->tasks.join());
  }
  // Its drivers look at what there is.
  void wake() {
    wait(send_events(*store, home, {{.project = "/nowhere", .name = "wake", .data = {"{}"}}}));
  }

  // A run that was left by its driver when `kind` had happened to it `times` times.
  template <typename Kind>
  RunId left_behind(const std::string& body, std::size_t times = 1, history::Flow flow = {}) {
    auto one = driver();
    const auto run = create(*one, body, std::move(flow));
    auto drive = start(*one, run);
    run_until([&] { return count<Kind>(run) == times; });
    wait(one->stop());
    run_until([&] { return drive->driven.has_value(); });
    wait(drive->tasks.join());
    return run;
  }
  bool has_ended(const RunId& run) { return store::is_terminal(row(run).status); }

  ManualClock manual_clock{from_millis(1'790'000'000'000)};
};

TEST_F(KeepTest, ARunWhoseDriverIsGoneGoesOn) {
  const auto run = left_behind<history::StepStarted>(
      "await step.cli('w', { command: 'while [ ! -e go ]; do sleep 0.02; done' }); return 'went';",
      2);
  auto keeper = keep();
  EXPECT_EQ(keeper->report->adopted, 1U);
  EXPECT_EQ(keeper->report->attached, 1U);
  std::ofstream(project / "go") << "";
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, R"("went")");
  run_until([&] { return !keeper->settled.empty(); });
  EXPECT_EQ(keeper->settled[0].first, run);
  stop(std::move(keeper));
}

TEST_F(KeepTest, ATimerOfAYearSurvivesRestartsAndFiresOnce) {
  const auto run = left_behind<TimerStarted>("await step.sleep('year', 365 * 86400000); return 1;");
  for (int restart = 0; restart < 3; ++restart) {
    auto keeper = keep();
    EXPECT_EQ(keeper->report->asleep, 1U);
    manual_clock.advance(24h * 100);
    wake();
    EXPECT_EQ(count<TimerFired>(run), 0U);
    stop(std::move(keeper));
  }
  auto keeper = keep();
  manual_clock.advance(24h * 66);
  wake();
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(count<TimerFired>(run), 1U);
  EXPECT_EQ(row(run).status, RunStatus::completed);
  stop(std::move(keeper));
}

TEST_F(KeepTest, AnOverdueTimerFiresAtBoot) {
  const auto run = left_behind<TimerStarted>("await step.sleep('day', 86400000); return 1;");
  manual_clock.advance(24h * 1000);
  auto keeper = keep();
  EXPECT_EQ(keeper->report->overdue, 1U);
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(count<TimerFired>(run), 1U);
  stop(std::move(keeper));
}

TEST_F(KeepTest, ASleepingRunIsWokenByItsEvent) {
  const auto run =
      left_behind<WaitStarted>("return (await step.waitForEvent('w', { event: 'ready' })).data.n;");
  auto keeper = keep();
  EXPECT_EQ(keeper->report->asleep, 1U);
  send("else");
  send("ready", R"({"n":5})");
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, "5");
  stop(std::move(keeper));
}

TEST_F(KeepTest, ASleepingRunThatIsAdoptedHasItsPlaceInItsGroupAgain) {
  const auto run = left_behind<WaitStarted>("await step.waitForEvent('w', { event: 'ready' });", 1,
                                            {.groups = {{.id = "g", .label = "runs of 'one'"}}});
  const auto has_place = [&] { return wait(store->places().find(run))->is_held(); };
  EXPECT_FALSE(has_place());
  auto keeper = keep();
  run_until([&] { return has_place() || keeper->report->asleep == 1; });
  EXPECT_TRUE(has_place()) << "else another of the group would start beside it";
  send("ready");
  run_until([&] { return has_ended(run); });
  stop(std::move(keeper));
}

TEST_F(KeepTest, AnEventThatCameWhileNobodyKeptTheHomeIsTakenUpAtBoot) {
  const auto run =
      left_behind<WaitStarted>("return (await step.waitForEvent('w', { event: 'ready' })).data.n;");
  send("ready", R"({"n":5})");
  auto keeper = keep();
  EXPECT_EQ(keeper->report->asleep, 0U);
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, "5");
  stop(std::move(keeper));
}

TEST_F(KeepTest, ARunFallsAsleepAndWakesAgainAndAgain) {
  auto keeper = keep();
  const auto run = left_behind<WaitStarted>(
      "let sum = 0; for (let i = 0; i < 3; i++) "
      "sum += (await step.waitForEvent('w', { event: 'n' })).data.n; return sum;");
  for (int n = 1; n <= 3; ++n) {
    run_until([&] { return count<WaitStarted>(run) == static_cast<std::size_t>(n); });
    send("n", fmt::format(R"({{"n":{}}})", n));
  }
  wake();
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, "6");
  stop(std::move(keeper));
}

TEST_F(KeepTest, APausedRunIsLeftToAPersonUntilSomebodyAsks) {
  const auto run = left_behind<TimerStarted>("await step.sleep('day', 86400000); return 1;");
  {
    auto one = driver();
    ASSERT_TRUE(wait(one->adopt(run)));
    wait(store->requests().add({.run = run, .kind = "pause", .data = {R"({"by":"test"})"}}));
    EXPECT_EQ(wait(one->drive(run, false)).value().status, RunStatus::paused);
    wait(one->stop());
  }
  manual_clock.advance(24h * 2);
  auto keeper = keep();
  EXPECT_EQ(keeper->report->adopted, 0U);
  EXPECT_EQ(keeper->report->paused, 1U);
  wait(store->requests().add({.run = run, .kind = "resume", .data = {R"({"by":"test"})"}}));
  wake();
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).status, RunStatus::completed);
  run_until([&] { return wait(store->requests().all_pending()).empty(); });
  stop(std::move(keeper));
}

TEST_F(KeepTest, ASleepingRunIsPausedAndThenBelongsToNobody) {
  const auto run = left_behind<TimerStarted>("await step.sleep('day', 86400000); return 1;");
  auto keeper = keep();
  wait(store->requests().add({.run = run, .kind = "pause", .data = {R"({"by":"test"})"}}));
  wake();
  run_until([&] { return row(run).status == RunStatus::paused && row(run).driver.empty(); });
  auto one = driver();
  EXPECT_TRUE(wait(one->adopt(run))) << "whoever resumes it may have it";
  wait(one->stop());
  stop(std::move(keeper));
}

TEST_F(KeepTest, ASleepingRunIsCancelledOnRequest) {
  const auto run = left_behind<TimerStarted>("await step.sleep('day', 86400000); return 1;");
  auto keeper = keep();
  ASSERT_TRUE(
      wait(request_cancel(io.get_executor(), *store, *clock, random, options(), run, "test")));
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).status, RunStatus::cancelled);
  stop(std::move(keeper));
}

TEST_F(KeepTest, ARunThatNobodyHasStartedIsStarted) {
  RunId run;
  {
    auto one = driver();
    run = create(*one, "return 'begun';");
    wait(one->stop());
  }
  auto keeper = keep();
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, R"("begun")");
  stop(std::move(keeper));
}

TEST_F(KeepTest, OnlyTheProjectThatIsNamedIsKept) {
  const auto run = left_behind<TimerStarted>("await step.sleep('day', 86400000); return 1;");
  auto other = keep("/somewhere/else");
  EXPECT_EQ(other->report->adopted, 0U);
  auto keeper = keep(project.string());
  EXPECT_EQ(keeper->report->adopted, 1U);
  stop(std::move(keeper));
  stop(std::move(other));
}

TEST_F(KeepTest, TwoKeepersShareAHomeWithoutExecutingARunTwice) {
  std::vector<RunId> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(
        left_behind<TimerStarted>("await step.sleep('day', 86400000);"
                                  "await step.run('once', async () => 1); return 1;"));
  }
  manual_clock.advance(24h * 2);
  auto first = keep();
  auto second = keep();
  run_until([&] { return std::ranges::all_of(runs, [&](auto& run) { return has_ended(run); }); });
  EXPECT_EQ(first->report->adopted + second->report->adopted, runs.size());
  for (const auto& run : runs) {
    EXPECT_EQ(row(run).status, RunStatus::completed);
    EXPECT_EQ(count<TimerFired>(run), 1U);
  }
  stop(std::move(first));
  stop(std::move(second));
}

TEST_F(KeepTest, AParentSleepsWhileItsChildSleeps) {
  define("child", "await step.sleep('day', 86400000); return 'slept';");
  const auto run =
      left_behind<history::StepCheckpoint>("return await step.invoke('c', { workflow: 'child' });");
  auto keeper = keep();
  EXPECT_EQ(keeper->report->adopted, 2U);
  run_until(
      [&] { return !children(run).empty() && count<TimerStarted>(children(run)[0].id) == 1; });
  manual_clock.advance(24h * 2);
  wake();
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, R"("slept")");
  stop(std::move(keeper));
}

TEST_F(KeepTest, AParentHearsOfAChildThatAnotherDriverExecuted) {
  define("child", "await step.waitForEvent('w', { event: 'go' }); return 'elsewhere';");
  const auto run =
      left_behind<history::StepCheckpoint>("return await step.invoke('c', { workflow: 'child' });");
  const auto child = children(run).at(0).id;
  auto other = driver();
  ASSERT_TRUE(wait(other->adopt(child)));
  auto drive = start(*other, child);
  auto keeper = keep();
  EXPECT_EQ(keeper->report->adopted, 1U) << "the parent alone";
  run_until([&] { return count<WaitStarted>(child) == 1; });
  send("go");
  EXPECT_EQ(end_of(*drive).status, RunStatus::completed);
  run_until([&] { return has_ended(run); });
  EXPECT_EQ(row(run).result.text, R"("elsewhere")");
  stop(std::move(keeper));
  wait(other->stop());
}

}  // namespace
}  // namespace agentcmd::runtime
