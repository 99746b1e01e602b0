#include "store/events.h"

#include "base/limits.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>

namespace agentcmd::store {
namespace {

using namespace history;

struct EventsTest : testing::Test {
  TempHome temp;
  Loop loop;
  std::unique_ptr<Store> store = loop.open(temp.home);

  static ProjectEvent event(std::string name, std::string data = "null", std::string once = "") {
    return {.project = "/p",
            .name = std::move(name),
            .data = {std::move(data)},
            .sent_at = from_millis(1'790'000'000'000),
            .source = "test",
            .once = std::move(once)};
  }
  std::vector<std::uint64_t> add(std::vector<ProjectEvent> events) {
    return loop.wait(store->events().add(std::move(events)));
  }
  std::uint64_t add(std::string name) { return add(std::vector{event(std::move(name))}).front(); }
  void create(const std::string& run) {
    ASSERT_TRUE(loop.wait(store->log().append(parts(part(run, 0, {created()})))));
  }
  std::vector<std::uint64_t> seen_by(const std::string& run,
                                     std::map<std::string, std::uint64_t> after,
                                     std::size_t limit = 100, std::string project = "/p") {
    std::vector<std::uint64_t> ids;
    for (const auto& one :
         loop.wait(store->events().of_run({run}, std::move(project), std::move(after), limit))) {
      ids.push_back(one.id);
    }
    return ids;
  }
};

using Ids = std::vector<std::uint64_t>;

TEST_F(EventsTest, WhatWasAddedSurvivesReopeningAsItWas) {
  const std::string big = "\"" + std::string(2 * limits::inline_payload_max, 'x') + "\"";
  const auto ids = add(std::vector{event("small", R"({"b":1,"a":2})"), event("big", big)});
  store = loop.open(temp.home);
  const auto listed = loop.wait(store->events().list({.project = "/p"}));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].data.text, big);
  auto expected = event("small", R"({"b":1,"a":2})");
  expected.id = ids[0];
  EXPECT_EQ(listed[1], expected) << "data come back byte for byte";
}

TEST_F(EventsTest, ARunSeesOnlyWhatCameAfterItWasCreated) {
  add("ready");
  create("r1");
  const auto second = add("ready");
  create("r2");
  EXPECT_EQ(seen_by("r1", {{"ready", 0}}), Ids{second});
  EXPECT_EQ(seen_by("r2", {{"ready", 0}}), Ids{});
}

TEST_F(EventsTest, ARunSeesEventsOfItsProjectAndOfTheNamesItAsksFor) {
  create("r1");
  auto other = event("ready");
  other.project = "/other";
  add(std::vector{other});
  add("else");
  const auto mine = add("ready");
  EXPECT_EQ(seen_by("r1", {{"ready", 0}}), Ids{mine});
  EXPECT_EQ(seen_by("r1", {}), Ids{});
  EXPECT_EQ(seen_by("unknown", {{"ready", 0}}), Ids{});
}

TEST_F(EventsTest, EventsOfSeveralNamesComeInTheOrderInWhichTheyWereSent) {
  create("r1");
  const Ids all{add("b"), add("a"), add("b"), add("a")};
  EXPECT_EQ(seen_by("r1", {{"a", 0}, {"b", 0}}), all);
  EXPECT_EQ(seen_by("r1", {{"a", all[1]}, {"b", all[0]}}), (Ids{all[2], all[3]}));
  EXPECT_EQ(seen_by("r1", {{"a", 0}, {"b", 0}}, 3), (Ids{all[0], all[1], all[2]}))
      << "a limit leaves out the last";
}

TEST_F(EventsTest, AnEventThatIsSentOnceIsThereOnce) {
  const auto first = add(std::vector{event("a", "1", "r1/tell#0"), event("a", "2", "r1/tell#1")});
  const auto again = add(std::vector{event("a", "9", "r1/tell#0"), event("a", "9", "r1/tell#1")});
  EXPECT_EQ(first, again);
  const auto listed = loop.wait(store->events().list({}));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[1].data.text, "1");
}

TEST_F(EventsTest, WhatCameSinceIsToldWithoutItsData) {
  const auto first = add("a");
  const auto second = add("b");
  EXPECT_EQ(loop.wait(store->events().since(first, 10)),
            (std::vector{EventHeading{.id = second, .project = "/p", .name = "b"}}));
  EXPECT_EQ(loop.wait(store->events().last()), second);
}

TEST_F(EventsTest, EventsAreListedNewestFirstByProjectAndName) {
  add("a");
  const auto second = add("b");
  const auto third = add("a");
  const auto ids = [&](EventFilter filter) {
    Ids out;
    for (const auto& one : loop.wait(store->events().list(std::move(filter))))
      out.push_back(one.id);
    return out;
  };
  EXPECT_EQ(ids({.limit = 2}), (Ids{third, second}));
  EXPECT_EQ(ids({.name = "b"}), Ids{second});
  EXPECT_EQ(ids({.project = "/other"}), Ids{});
}

struct SleepingTest : EventsTest {
  void append(const std::string& run, std::uint64_t seq, std::vector<Detail> details) {
    ASSERT_TRUE(loop.wait(store->log().append(parts(part(run, seq, std::move(details))))));
  }
  std::vector<SleepingRun> sleeping() { return loop.wait(store->catalog().sleeping(me.driver)); }
};

TEST_F(SleepingTest, ASleepingRunIsToldByItsNextMomentAndItsWaits) {
  append("r1", 0, {created(), RunStarted{}});
  append("r1", 2,
         {TimerStarted{.key = {"late"}, .fire_at = from_millis(9000)},
          TimerStarted{.key = {"soon"}, .fire_at = from_millis(5000)},
          WaitStarted{.key = {"w"}, .event = "ready"}});
  EXPECT_EQ(sleeping(), (std::vector{SleepingRun{.id = {"r1"},
                                                 .project = "/p",
                                                 .due_at = from_millis(5000),
                                                 .waits = {{.event = "ready"}}}}));
  append("r1", 5, {TimerFired{{"soon"}}});
  EXPECT_EQ(sleeping().at(0).due_at, from_millis(9000));
  append("r1", 6, {TimerCancelled{{"late"}}});
  EXPECT_EQ(sleeping().at(0).due_at, std::nullopt);
}

TEST_F(SleepingTest, AnEventThatASleepingRunHasNotSeenIsTold) {
  const auto before = add("ready");
  append("r1", 0, {created(), RunStarted{}, WaitStarted{.key = {"w"}, .event = "ready"}});
  using Waits = std::vector<SleepingRun::Wait>;
  EXPECT_EQ(sleeping().at(0).waits, (Waits{{.event = "ready", .seen = before, .last = before}}));
  const auto after = add("ready");
  EXPECT_EQ(sleeping().at(0).waits, (Waits{{.event = "ready", .seen = before, .last = after}}));
  append("r1", 3, {EventReceived{.event = std::to_string(after), .name = "ready", .data = {"1"}}});
  EXPECT_EQ(sleeping().at(0).waits, (Waits{{.event = "ready", .seen = after, .last = after}}));
}

TEST_F(SleepingTest, ARunThatDoesSomethingDoesNotSleep) {
  append("r1", 0, {created(), RunStarted{}, scheduled("a"), started("a")});
  append("r1", 4, {TimerStarted{.key = {"t"}, .fire_at = from_millis(5000)}});
  EXPECT_TRUE(sleeping().empty());
  append("r1", 5, {completed("a")});
  EXPECT_EQ(sleeping().size(), 1U);
  append("r1", 6, {RunPaused{.reason = "asked"}});
  EXPECT_TRUE(sleeping().empty()) << "a paused run waits for a person";
}

TEST_F(SleepingTest, ARunThatWaitsForItsChildSleeps) {
  append("r1", 0, {created(), RunStarted{}});
  append("r1", 2, {StepScheduled{.key = {"c"}, .type = "invoke", .input = {"{}"}}, started("c")});
  EXPECT_EQ(sleeping(),
            (std::vector{SleepingRun{.id = {"r1"}, .project = "/p", .has_children = true}}));
}

TEST_F(SleepingTest, LiveRunsAreThoseOfOtherDriversThatHaveNotEnded) {
  append("r1", 0, {created(), RunStarted{}});
  append("r2", 0, {created({}, "/other")});
  append("r3", 0, {created(), RunFailed{}});
  const auto live = [&](std::string project, std::string not_of) {
    std::vector<std::string> ids;
    for (const auto& one :
         loop.wait(store->catalog().live(std::move(project), std::move(not_of)))) {
      ids.push_back(one.id.text);
    }
    return ids;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(live("", "other"), (Names{"r1", "r2"}));
  EXPECT_EQ(live("/other", "other"), Names{"r2"});
  EXPECT_EQ(live("", me.driver), Names{});
}

TEST_F(SleepingTest, ChildrenAreFoundByTheirParent) {
  append("r1", 0, {created()});
  auto child = created("child");
  child.origin = "invoke";
  child.parent = "r1";
  child.parent_key = "c";
  append("r2", 0, {child});
  const auto children = loop.wait(store->catalog().children({"r1"}));
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].id.text, "r2");
  EXPECT_EQ(children[0].parent_key, "c");
  EXPECT_EQ(children[0].origin, "invoke");
}

}  // namespace
}  // namespace agentcmd::store
