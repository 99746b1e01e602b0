// With a real store, driver and worker; the clock is the test's.

#include "projects/triggers.h"

#include "projects/project.h"
#include "runtime/home_fixture.h"

#include <fmt/format.h>

#include <fstream>

namespace agentcmd::projects {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Time day(int hour, int minute = 0) {
  return Time(std::chrono::sys_days(std::chrono::year(2026) / 3 / 2)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

// One worker as far as triggers know it.
struct Worker {
  Worker(Loader loader, store::Store& store, std::unique_ptr<runtime::Driver> driver_in,
         const Clock& clock)
      : driver(std::move(driver_in)),
        triggers(std::move(loader), store, *driver, clock,
                 {.started = [this](history::RunId run) { started.push_back(run); },
                  .say = [this](std::string text) { said += text + "\n"; }}) {}

  std::unique_ptr<runtime::Driver> driver;
  std::vector<history::RunId> started;
  std::string said;
  Triggers triggers;
};

class TriggersTest : public runtime::HomeFixture {
 protected:
  ~TriggersTest() override {
    for (auto& worker : workers) {
      wait(worker->triggers.stop());
      wait(worker->driver->stop());
    }
    workers.clear();
  }

  Worker& worker() {
    runtime::DriverOptions options{.home = home, .libexec = AGENTCMD_TEST_LIBEXEC};
    auto driver = wait(runtime::start_driver(io.get_executor(), *store, clock, random, options));
    const Loader loader{io.get_executor(), AGENTCMD_TEST_LIBEXEC, home.bundles()};
    workers.push_back(std::make_unique<Worker>(loader, *store, *std::move(driver), clock));
    workers.back()->triggers.watch(project);
    return *workers.back();
  }
  // A definition's file: its id, and the rest of its config.
  void define(const std::string& id, const std::string& config) {
    std::ofstream(project / definitions_folder() / (id + ".ts")) << fmt::format(
        "export default defineWorkflow({{ id: '{}', {} }}, async () => 1);", id, config);
  }
  void break_definition(const std::string& id) {
    std::ofstream(project / definitions_folder() / (id + ".ts")) << "export default (";
  }
  void at(Time time) { clock.advance(time - clock.now()); }
  void send(const std::string& name, const std::string& data) {
    store::ProjectEvent event{.project = project.string(), .name = name, .data = {data}};
    std::vector<store::ProjectEvent> events;
    events.push_back(std::move(event));
    wait(store->events().add(std::move(events)));
  }
  void end(const Worker& by, const history::RunId& run) {
    const auto owner = wait(store->log().owner(run)).value();
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = run,
                     .expected_seq = wait(store->log().read(run, 0)).size(),
                     .owner = owner,
                     .events = {{.seq = wait(store->log().read(run, 0)).size() + 1,
                                 .at = clock.now(),
                                 .detail = history::RunCancelled{}}}});
    ASSERT_TRUE(wait(store->log().append(std::move(parts)))) << by.said;
  }
  history::RunCreated created(const history::RunId& run) {
    return std::get<history::RunCreated>(wait(store->log().read(run, 0)).at(0).detail);
  }
  std::size_t runs() { return wait(store->catalog().runs({})).size(); }
  store::Schedule schedule(std::size_t index = 0) {
    return wait(store->triggers().schedules()).at(index);
  }
  std::vector<store::StartNote> notes() {
    auto all = wait(store->triggers().starts("", 50));
    std::erase_if(all, [](const auto& note) { return !note.run.empty(); });
    return all;
  }

  SystemRandom random;
  ManualClock clock{day(8)};
  std::vector<std::unique_ptr<Worker>> workers;
};

TEST_F(TriggersTest, ADueTimeStartsOneRunHoweverManyWorkersLook) {
  define("nightly", "triggers: [{ cron: '0 9 * * *', args: { deep: true } }]");
  auto& one = worker();
  auto& two = worker();
  EXPECT_EQ(wait(one.triggers.look()), day(9));
  wait(two.triggers.look());
  EXPECT_EQ(runs(), 0U);
  at(day(9));
  EXPECT_EQ(wait(one.triggers.look()), day(33));
  wait(two.triggers.look());
  ASSERT_EQ(one.started.size(), 1U);
  EXPECT_TRUE(two.started.empty());
  const auto run = created(one.started[0]);
  EXPECT_EQ(run.origin, "schedule");
  EXPECT_EQ(run.cause, "nightly");
  EXPECT_TRUE(run.request.text.starts_with(R"({"args":{"deep":true})")) << run.request.text;
  EXPECT_EQ(schedule().last_run, one.started[0].text);
  EXPECT_EQ(schedule().last_due, day(9));
}

TEST_F(TriggersTest, ADueTimeThatWasTakenButNotMovedOnStartsNoSecondRun) {
  // As after a kill between the run's creation and the step to the next due time.
  define("nightly", "triggers: [{ cron: '0 9 * * *' }]");
  auto& one = worker();
  wait(one.triggers.look());
  at(day(9));
  wait(one.triggers.look());
  ASSERT_EQ(runs(), 1U);
  store::ScheduleStep back{.next_due = day(9)};
  ASSERT_TRUE(wait(store->triggers().advance(schedule().key, day(33), back)));
  wait(worker().triggers.look());
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(schedule().next_due, day(33));
}

TEST_F(TriggersTest, TimesThatNobodyLookedAtAreMadeUpForWithinTheWindow) {
  define("often", "triggers: [{ cron: '*/10 * * * *', catchUp: '30m', overlap: 'allow' }]");
  auto& one = worker();
  wait(one.triggers.look());
  at(day(10, 5));  // due since: 8:10 to 10:00; 9:40, 9:50 and 10:00 lie within the window
  wait(one.triggers.look());
  EXPECT_EQ(one.started.size(), 3U);
  EXPECT_EQ(schedule().missed, 9U);
  EXPECT_EQ(schedule().last_due, day(10));
  EXPECT_NE(one.said.find("9 due times were missed"), std::string::npos) << one.said;
}

TEST_F(TriggersTest, WithoutAWindowOnlyATimeThatIsJustOverIsMadeUpFor) {
  define("often", "triggers: [{ cron: '*/10 * * * *', catchUp: 0 }]");
  auto& one = worker();
  wait(one.triggers.look());
  at(day(8, 11));
  wait(one.triggers.look());
  EXPECT_TRUE(one.started.empty());
  at(day(8, 20) + 5s);
  wait(one.triggers.look());
  EXPECT_EQ(one.started.size(), 1U);
}

TEST_F(TriggersTest, AnOverlappingRunIsSkippedAndThatIsRecorded) {
  define("often", "triggers: [{ cron: '*/10 * * * *' }]");
  auto& one = worker();
  wait(one.triggers.look());
  at(day(8, 10));
  wait(one.triggers.look());
  at(day(8, 20));
  wait(one.triggers.look());
  ASSERT_EQ(one.started.size(), 1U);
  ASSERT_EQ(notes().size(), 1U);
  EXPECT_EQ(notes()[0].cause, "schedule often 2026-03-02T08:20:00.000Z");
  EXPECT_NE(notes()[0].message.find(one.started[0].text), std::string::npos) << notes()[0].message;
  EXPECT_EQ(schedule().last_message, notes()[0].message);
  end(one, one.started[0]);
  at(day(8, 30));
  wait(one.triggers.look());
  EXPECT_EQ(one.started.size(), 2U);
}

TEST_F(TriggersTest, OverlappingRunsMayQueueCancelTheOldOneOrGoOnTogether) {
  define("queues", "triggers: [{ cron: '*/10 * * * *', overlap: 'queue' }]");
  define("cancels", "triggers: [{ cron: '*/10 * * * *', overlap: 'cancel-old' }]");
  define("allows", "triggers: [{ cron: '*/10 * * * *', overlap: 'allow' }]");
  auto& one = worker();
  wait(one.triggers.look());
  for (const int minute : {10, 20}) {
    at(day(8, minute));
    wait(one.triggers.look());
  }
  ASSERT_EQ(one.started.size(), 6U);
  const auto held = [&](const char* definition) {
    std::size_t count = 0;
    for (const auto& place : wait(store->places().table()).places) {
      if (place.definition == definition && place.is_held()) ++count;
    }
    return count;
  };
  EXPECT_EQ(held("queues"), 1U);
  EXPECT_EQ(held("cancels"), 1U);
  std::size_t asked = 0;
  for (const auto& run : one.started) {
    for (const auto& request : wait(store->requests().pending(run))) {
      EXPECT_EQ(created(run).definition, "cancels");
      asked += request.kind == "cancel" ? 1 : 0;
    }
  }
  EXPECT_EQ(asked, 1U);
}

TEST_F(TriggersTest, APausedScheduleLetsItsTimesPass) {
  define("nightly", "triggers: [{ cron: '0 9 * * *', catchUp: '1d' }]");
  auto& one = worker();
  wait(one.triggers.look());
  wait(store->triggers().pause(schedule().key, "test"));
  at(day(9));
  EXPECT_EQ(wait(one.triggers.look()), Time()) << "nothing will be due";
  EXPECT_EQ(runs(), 0U);
  wait(store->triggers().resume(schedule().key, day(33)));
  at(day(10));
  EXPECT_EQ(wait(one.triggers.look()), day(33));
  EXPECT_EQ(runs(), 0U) << "what was paused is not made up for";
  at(day(33));
  wait(one.triggers.look());
  EXPECT_EQ(runs(), 1U);
}

TEST_F(TriggersTest, ABrokenDefinitionDisturbsNoOtherAndItsScheduleSaysSo) {
  define("broken", "triggers: [{ cron: '0 9 * * *' }]");
  define("fine", "triggers: [{ cron: '0 9 * * *' }]");
  auto& one = worker();
  wait(one.triggers.look());
  wait(store->triggers().pause(schedule(1).key, "test"));
  break_definition("broken");
  at(day(9));
  wait(one.triggers.look());
  EXPECT_NE(schedule(0).error, "");
  EXPECT_NE(one.said.find("The schedule 'broken' starts nothing"), std::string::npos) << one.said;
  EXPECT_NE(schedule(0).last_message, "") << "the due time is not lost silently";
  EXPECT_TRUE(schedule(1).paused) << "reading the files again changes nothing about this one";
  ASSERT_EQ(notes().size(), 1U);
  define("broken", "triggers: [{ cron: '0 9 * * *' }]");
  wait(one.triggers.look());
  EXPECT_EQ(schedule(0).error, "");
  at(day(33));
  wait(one.triggers.look());
  EXPECT_EQ(one.started.size(), 1U);
}

TEST_F(TriggersTest, APatternThatIsNoneIsSaidEvenWhereNoScheduleIsKnownYet) {
  define("nightly", "triggers: [{ cron: '0 25 * * *' }]");
  auto& one = worker();
  EXPECT_EQ(wait(one.triggers.look()), Time());
  EXPECT_NE(one.said.find("nightly.ts: the schedule '0 25 * * *' (UTC)"), std::string::npos)
      << one.said;
}

TEST_F(TriggersTest, ASchedulesPatternIsReplacedAndAScheduleThatIsGoneIsSaid) {
  define("nightly", "triggers: [{ cron: '0 9 * * *' }]");
  auto& one = worker();
  EXPECT_EQ(wait(one.triggers.look()), day(9));
  define("nightly", "triggers: [{ cron: '0 10 * * *' }]");
  EXPECT_EQ(wait(one.triggers.look()), day(10));
  define("nightly", "triggers: [{ cron: '99 * * * *' }]");
  wait(one.triggers.look());
  EXPECT_NE(schedule().error.find("nightly.ts: the schedule '99 * * * *' (UTC)"), std::string::npos)
      << schedule().error;
  define("nightly", "");
  wait(one.triggers.look());
  EXPECT_TRUE(wait(store->triggers().schedules()).empty());
  EXPECT_NE(one.said.find("is gone"), std::string::npos) << one.said;
}

TEST_F(TriggersTest, AnEventStartsOneRunOfEachDefinitionThatWantsIt) {
  define("review", "triggers: [{ event: 'pull', if: { base: 'main' } }]");
  define("label", "triggers: [{ event: 'pull' }]");
  define("other", "triggers: [{ event: 'push' }]");
  auto& one = worker();
  auto& two = worker();
  send("pull", R"({"base":"main","n":7})");
  send("pull", R"({"base":"dev"})");
  wait(one.triggers.look());
  wait(two.triggers.look());
  EXPECT_EQ(one.started.size(), 3U);
  EXPECT_TRUE(two.started.empty());
  const auto run = created(one.started[0]);
  EXPECT_EQ(run.origin, "event");
  EXPECT_EQ(run.cause, "1");
  EXPECT_TRUE(run.request.text.starts_with(R"({"args":{"base":"main","n":7})"));
}

TEST_F(TriggersTest, AnEventThatWasTakenButNotPassedOverStartsNoSecondRun) {
  // As after a kill before the cursor has moved: another home's worker starts from 0 again.
  define("review", "triggers: [{ event: 'pull' }]");
  send("pull", "{}");
  auto& one = worker();
  wait(one.triggers.look());
  EXPECT_EQ(wait(store->triggers().cursor("")), 1U);
  store::RunStart same{.creation = {}, .causes = {{.text = "event 1"}}};
  same.creation = {
      .run = {"r1"},
      .owner = {.driver = "d"},
      .events = {{.seq = 1,
                  .at = clock.now(),
                  .detail = history::RunCreated{
                      .definition = "review", .project = project.string(), .request = {"{}"}}}}};
  const auto again =
      wait(store->places().start(std::move(same), {}, [](const auto&) { return true; })).value();
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.run, one.started.at(0));
}

TEST_F(TriggersTest, AWorkerOfOneProjectLeavesWhatAnotherAsksForToOthers) {
  define("here", "triggers: [{ event: 'pull' }, { cron: '0 9 * * *' }]");
  auto& all = worker();
  wait(all.triggers.look());
  const auto other = root / "other";
  fs::create_directories(other / definitions_folder());
  auto& one = worker();
  one.triggers.watch_only(other);
  send("pull", "{}");
  at(day(9));
  wait(one.triggers.look());
  EXPECT_TRUE(one.started.empty());
  EXPECT_EQ(schedule().next_due, day(9));
  wait(all.triggers.look());
  EXPECT_EQ(all.started.size(), 2U);
}

TEST_F(TriggersTest, AnEventThatAWorkerOfItsProjectHasTakenStartsNoSecondRunForOneOfAll) {
  define("review", "triggers: [{ event: 'pull' }]");
  auto& one = worker();
  one.triggers.watch_only(project);
  send("pull", "{}");
  wait(one.triggers.look());
  EXPECT_EQ(one.started.size(), 1U);
  EXPECT_EQ(wait(store->triggers().cursor(project.string())), 1U);
  EXPECT_EQ(wait(store->triggers().cursor("")), 0U);
  auto& all = worker();
  wait(all.triggers.look());
  EXPECT_TRUE(all.started.empty());
  EXPECT_EQ(runs(), 1U);
}

TEST_F(TriggersTest, TheEventOfItsNameAlwaysStartsAWorkflow) {
  define("plain", "");
  auto& one = worker();
  send("workflow/plain", R"({"a":1})");
  send("workflow/plain", "null");
  wait(one.triggers.look());
  ASSERT_EQ(one.started.size(), 2U);
  EXPECT_TRUE(created(one.started[1]).request.text.starts_with(R"({"args":{},)"));
}

TEST_F(TriggersTest, AnEventThatCannotStartWhatItNamesIsKeptWithTheReason) {
  define("strict",
         "argsSchema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }");
  auto& one = worker();
  send("workflow/strict", R"({"n":"seven"})");
  send("workflow/missing", "{}");
  wait(one.triggers.look());
  EXPECT_EQ(runs(), 0U);
  auto all = notes();
  ASSERT_EQ(all.size(), 2U);
  std::ranges::sort(all, {}, &store::StartNote::definition);
  EXPECT_NE(all[0].message.find("no definition 'missing'"), std::string::npos) << all[0].message;
  EXPECT_NE(all[1].message.find("expected number"), std::string::npos) << all[1].message;
  EXPECT_NE(one.said.find("was not started"), std::string::npos);
}

TEST_F(TriggersTest, EventsForABrokenDefinitionAreKeptWithTheReason) {
  define("review", "triggers: [{ event: 'pull' }]");
  auto& one = worker();
  wait(one.triggers.look());
  break_definition("review");
  send("pull", "{}");
  wait(one.triggers.look());
  EXPECT_EQ(runs(), 0U);
  ASSERT_EQ(notes().size(), 1U);
  EXPECT_NE(notes()[0].message.find("review.ts"), std::string::npos) << notes()[0].message;
}

TEST_F(TriggersTest, ASingletonRefusesTheSecondEventAndKeepsThat) {
  define("single", "singleton: true");
  auto& one = worker();
  send("workflow/single", "{}");
  send("workflow/single", "{}");
  wait(one.triggers.look());
  ASSERT_EQ(one.started.size(), 1U);
  ASSERT_EQ(notes().size(), 1U);
  EXPECT_NE(notes()[0].message.find(one.started[0].text), std::string::npos) << notes()[0].message;
}

}  // namespace
}  // namespace agentcmd::projects
