#include "store/places.h"

#include "history/flow.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace agentcmd::store {
namespace {

using Runs = std::vector<std::string>;

history::FlowGroup deploy(std::uint32_t limit = 1) {
  return {.id = "deploy", .label = "runs of 'deploy'", .limit = limit};
}

history::RunCreated grouped(std::vector<history::FlowGroup> groups) {
  auto event = created();
  event.flow = history::flow_text({.groups = std::move(groups)});
  return event;
}

bool alive(const std::string&) {
  return true;
}
bool dead(const std::string&) {
  return false;
}
std::vector<history::RunId> nobody(const PlaceTable&) {
  return {};
}
std::vector<history::RunId> everybody(const PlaceTable& table) {
  std::vector<history::RunId> all;
  for (const auto& place : table.places) all.push_back(place.run);
  return all;
}

class PlacesTest : public testing::Test {
 protected:
  ~PlacesTest() override {
    if (store) loop.wait(store->log().stop());
  }
  void append(RunAppend one) { ASSERT_TRUE(loop.wait(store->log().append(parts(std::move(one))))); }
  Runs waiting() {
    Runs runs;
    for (const auto& place : loop.wait(store->places().table()).places) {
      if (place.waits()) runs.push_back(place.run.text);
    }
    return runs;
  }
  Result<StartedRun> start(std::string run, std::string cause,
                           history::RunCreated event = created(), DecidePlaces decide = nobody) {
    RunStart one{.creation = part(std::move(run), 0, {std::move(event)})};
    if (!cause.empty()) one.causes.push_back({.text = std::move(cause)});
    return loop.wait(store->places().start(std::move(one), std::move(decide), alive));
  }

  TempHome temp;
  Loop loop;
  std::unique_ptr<Store> store = loop.open(temp.home);
};

TEST_F(PlacesTest, EveryRunThatIsCreatedIsInTheTableUntilItEnds) {
  append(part("r1", 0, {created()}));
  append(part("r2", 0, {created({}, "/q")}));
  EXPECT_EQ(waiting(), (Runs{"r1", "r2"}));
  append(part("r1", 1, {history::RunStarted{}, history::RunCompleted{.result = {"null"}}}));
  EXPECT_EQ(waiting(), (Runs{"r2"}));
  EXPECT_EQ(loop.wait(store->places().find({"r1"})), std::nullopt);
  const auto place = loop.wait(store->places().find({"r2"})).value();
  EXPECT_EQ(place.project, "/q");
  EXPECT_EQ(place.owner, "d1");
  EXPECT_FALSE(place.begun);
}

TEST_F(PlacesTest, ARunThatOnlyWaitsMattersToOthersOnlyInItsGroups) {
  const history::TimerStarted nap{.key = {"nap"}, .fire_at = from_millis(1)};
  append(part("plain", 0, {created(), history::RunStarted{}, nap}));
  append(part("grouped", 0, {grouped({deploy()}), history::RunStarted{}, nap}));
  EXPECT_EQ(waiting(), (Runs{"grouped"}));
  const auto place = loop.wait(store->places().find({"grouped"})).value();
  EXPECT_TRUE(place.begun);
  EXPECT_EQ(place.status, RunStatus::waiting);
}

TEST_F(PlacesTest, APlaceIsTheOwnersAndIsLostWithTheRun) {
  append(part("r1", 0, {created()}));
  EXPECT_EQ(loop.wait(store->places().give(everybody)).size(), 1U);
  EXPECT_TRUE(waiting().empty());
  EXPECT_TRUE(loop.wait(store->places().waiting_owners()).empty());
  ASSERT_TRUE(loop.wait(store->log().take_over({"r1"}, me, "d2")));
  EXPECT_EQ(waiting(), (Runs{"r1"})) << "the new driver has to ask for a place itself";
  loop.wait(store->places().give(everybody));
  loop.wait(store->places().give_back({"r1"}, "d1"));
  EXPECT_TRUE(waiting().empty()) << "it is not d1's to give back";
  loop.wait(store->places().give_back({"r1"}, "d2"));
  EXPECT_TRUE(waiting().empty()) << "who gives its place back wants none";
  loop.wait(store->places().ask({"r1"}));
  EXPECT_EQ(waiting(), (Runs{"r1"}));
  EXPECT_EQ(loop.wait(store->places().waiting_owners()), (Runs{"d2"}));
}

TEST_F(PlacesTest, ProjectsAreNotedInTheOrderInWhichTheyAreServed) {
  append(part("r1", 0, {created({}, "/p")}));
  append(part("r2", 0, {created({}, "/q")}));
  append(part("r3", 0, {created({}, "/p")}));
  loop.wait(store->places().give(
      [](const PlaceTable&) { return std::vector<history::RunId>{{"r1"}, {"r2"}, {"r3"}}; }));
  const auto served = loop.wait(store->places().table()).served;
  EXPECT_GT(served.at("/p"), served.at("/q"));
}

TEST_F(PlacesTest, ARunCanBeCreatedTogetherWithItsPlace) {
  const auto started = start("r1", "", created(), everybody).value();
  EXPECT_TRUE(started.is_new);
  EXPECT_TRUE(started.has_place);
  EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)).size(), 1U);
  EXPECT_TRUE(waiting().empty());
}

TEST_F(PlacesTest, ACauseStartsOneRun) {
  EXPECT_TRUE(start("r1", "event 7").value().is_new);
  const auto again = start("r2", "event 7").value();
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.run.text, "r1");
  EXPECT_TRUE(loop.wait(store->log().read({"r2"}, 0)).empty());
  EXPECT_TRUE(start("r3", "event 8").value().is_new);
  EXPECT_TRUE(start("r4", "event 7", created({}, "/other")).value().is_new);
}

TEST_F(PlacesTest, AnEventWithAKnownKeyComesToTheRunOfTheKey) {
  const auto both = [this](const std::string& run, const std::string& event) {
    RunStart one{.creation = part(run, 0, {created()}),
                 .causes = {{.text = event}, {.text = "key 1", .can_be_repeated = true}}};
    return loop.wait(store->places().start(std::move(one), nobody, alive)).value();
  };
  EXPECT_TRUE(both("r1", "event 1").is_new);
  EXPECT_EQ(both("r2", "event 2").run.text, "r1");
  EXPECT_EQ(start("r3", "event 2").value().run.text, "r1") << "that is recorded of the event";
}

TEST_F(PlacesTest, OfManyStartersWithOneCauseInSeveralProcessesOneCreatesARun) {
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Loop mine;  // a store of its own, as another process has
      const auto other = mine.open(temp.home);
      for (int i = 0; i < 10; ++i) {
        RunStart one{.creation = part(std::to_string(t) + "-" + std::to_string(i), 0, {created()}),
                     .causes = {{.text = "event " + std::to_string(i)}}};
        if (mine.wait(other->places().start(std::move(one), nobody, alive)).value().is_new) ++made;
      }
      mine.wait(other->log().stop());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, 10);
  EXPECT_EQ(waiting().size(), 10U);
}

TEST_F(PlacesTest, ASecondRunOfAGroupIsRefusedWhileSomebodyExecutesTheFirst) {
  ASSERT_TRUE(start("r1", "", grouped({deploy()})));
  const auto second = [&](std::string run, bool (*is_alive)(const std::string&)) {
    RunStart one{.creation = part(std::move(run), 0, {grouped({deploy()})}),
                 .causes = {{.text = "event 1"}, {.text = "key 1", .can_be_repeated = true}},
                 .refuse_if = {"deploy"}};
    return loop.wait(store->places().start(std::move(one), nobody, is_alive));
  };
  const auto refused = second("r2", alive);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_NE(refused.error().message.find("r1"), std::string::npos) << refused.error().message;
  const auto again = second("r3", dead).value();
  EXPECT_FALSE(again.is_new) << "the event has come to nothing, and that is kept";
  EXPECT_EQ(again.message, refused.error().message);
}

TEST_F(PlacesTest, ARunThatNobodyExecutesKeepsNoneFromBeingCreated) {
  ASSERT_TRUE(start("r1", "", grouped({deploy()})));
  RunStart one{.creation = part("r2", 0, {grouped({deploy()})}), .refuse_if = {"deploy"}};
  EXPECT_TRUE(loop.wait(store->places().start(std::move(one), nobody, dead)));
}

TEST_F(PlacesTest, OlderRunsOfAGroupAreAskedToCancelInTheSameTransaction) {
  ASSERT_TRUE(start("r1", "", grouped({deploy()})));
  ASSERT_TRUE(start("r2", ""));
  RunStart one{.creation = part("r3", 0, {grouped({deploy()})}), .cancel = {"deploy"}, .by = "r3"};
  const auto started = loop.wait(store->places().start(std::move(one), nobody, alive)).value();
  EXPECT_EQ(started.asked, (Runs{"d1"}));
  const auto asked = loop.wait(store->requests().pending({"r1"}));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].kind, "cancel");
  EXPECT_TRUE(loop.wait(store->requests().pending({"r2"})).empty());
  EXPECT_TRUE(loop.wait(store->requests().pending({"r3"})).empty());
}

}  // namespace
}  // namespace agentcmd::store
