// Stuck runs are found from outside, and by their driver, which helps them.

#include "runtime/stuck.h"

#include "async/task_group.h"
#include "base/limits.h"
#include "engine/decide.h"
#include "runtime/driver.h"
#include "runtime/home_fixture.h"
#include "runtime/ownership.h"

#include <fstream>

namespace agentcmd::runtime {
namespace {

using namespace history;
using namespace std::chrono_literals;

class Watcher final : public Observer {
 public:
  void committed(const RunId&, const Event& event) override {
    timer_started = timer_started || std::holds_alternative<TimerStarted>(event.detail);
  }
  void output(const RunId&, const StepKey&, std::string_view, std::string_view) override {}
  bool timer_started = false;
};

class StuckTest : public HomeFixture {
 protected:
  // A run of `driver` whose timer is due at `fire_at`.
  RunId asleep(const std::string& id, const std::string& driver, Time fire_at) {
    std::vector<Detail> details{RunCreated{.definition = "nap", .request = {"{}"}}, RunStarted{},
                                TimerStarted{.key = {"nap"}, .name = "nap", .fire_at = fire_at}};
    const engine::RunState nothing;
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = {id},
                     .expected_seq = 0,
                     .owner = {.driver = driver, .term = 1},
                     .events = engine::number(nothing, clock.now(), std::move(details))});
    EXPECT_TRUE(wait(store->log().append(std::move(parts))));
    return {id};
  }

  ManualClock clock{from_millis(1'700'000'000'000)};
  SystemRandom random;
};

TEST_F(StuckTest, OnlyAnOverdueRunOfALivingDriverIsStuck) {
  const DriverLock living(home, random);
  const auto overdue = asleep("r_overdue", living.id(), clock.now() + 1h);
  asleep("r_later", living.id(), clock.now() + 24h);
  asleep("r_left", "gone", clock.now() + 1h);
  StuckCheck check(*store, home, clock);
  EXPECT_TRUE(wait(check.check()).empty());
  clock.advance(1h + limits::overdue_max);
  const auto stuck = wait(check.check());
  ASSERT_EQ(stuck.size(), 1U);
  EXPECT_EQ(stuck.front().run, overdue);
  EXPECT_TRUE(stuck.front().reasons.front().contains("'nap'")) << stuck.front().reasons.front();
  clock.advance(24h);
  EXPECT_EQ(wait(check.check()).size(), 2U) << "what was fine before is looked at again in time";
}

// The clock jumps, and the timer of the loop knows nothing of it.
TEST_F(StuckTest, ADriverHelpsARunThatItsTimerForgot) {
  Watcher watcher;
  auto driver =
      *wait(start_driver(io.get_executor(), *store, clock, random,
                         {.home = home, .libexec = AGENTCMD_TEST_LIBEXEC, .observer = &watcher}));
  const auto file = project / ".agent/workflows/definitions/nap.ts";
  std::ofstream(file) << "export default defineWorkflow({ id: 'nap' }, async ({ step }) => {"
                         "await step.sleep('nap', '1h'); return 'slept'; });";
  auto bundle = wait(script::make_bundle(io.get_executor(), AGENTCMD_TEST_LIBEXEC, project, file,
                                         home.bundles()))
                    .value();
  NewRun fresh{.bundle = std::move(bundle),
               .definition = "nap",
               .project = project,
               .name = "nap",
               .request = {R"({"args":{},"mode":"stay"})"}};
  const auto run = wait(driver->create(std::move(fresh))).value();
  auto driven = asio::co_spawn(io, driver->drive(run, false), asio::use_future);
  run_until([&] { return watcher.timer_started; });
  io.restart();
  io.poll();  // until the run only waits
  EXPECT_TRUE(driver->check_stuck().empty());
  clock.advance(2h);
  const auto stuck = driver->check_stuck();
  ASSERT_EQ(stuck.size(), 1U);
  EXPECT_EQ(stuck.front().run, run);
  run_until([&] { return driven.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(driven.get().value().result.text, R"("slept")");
  wait(driver->stop());
}

}  // namespace
}  // namespace agentcmd::runtime
