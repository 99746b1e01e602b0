#include "runtime/sleepers.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using history::RunId;
using Runs = std::vector<RunId>;

Time at(int millis) {
  return from_millis(millis);
}

TEST(Sleepers, AreDueTheEarliestFirst) {
  Sleepers sleepers;
  sleepers.add({.run = {"late"}, .due = at(30)});
  sleepers.add({.run = {"soon"}, .due = at(10)});
  sleepers.add({.run = {"then"}, .due = at(20)});
  sleepers.add({.run = {"never"}});
  EXPECT_EQ(sleepers.next(), at(10));
  EXPECT_EQ(sleepers.due(at(9)), Runs{});
  EXPECT_EQ(sleepers.due(at(20)), (Runs{{"soon"}, {"then"}}));
}

TEST(Sleepers, WhoWakesIsNoLongerFound) {
  Sleepers sleepers;
  const Sleeper one{
      .run = {"one"}, .project = "/p", .due = at(10), .events = {"a", "b"}, .children = {{"c"}}};
  sleepers.add(one);
  EXPECT_EQ(sleepers.take({"one"}), one);
  EXPECT_EQ(sleepers.take({"one"}), std::nullopt);
  EXPECT_EQ(sleepers.size(), 0U);
  EXPECT_EQ(sleepers.next(), std::nullopt);
  EXPECT_EQ(sleepers.waiting_for("/p", "a"), Runs{});
  EXPECT_EQ(sleepers.parents_of({"c"}), Runs{});
  EXPECT_EQ(sleepers.children(), Runs{});
}

TEST(Sleepers, AreFoundByTheEventsOfTheirProject) {
  Sleepers sleepers;
  sleepers.add({.run = {"one"}, .project = "/p", .events = {"a", "b"}});
  sleepers.add({.run = {"two"}, .project = "/p", .events = {"b"}});
  sleepers.add({.run = {"other"}, .project = "/q", .events = {"b"}});
  EXPECT_EQ(sleepers.waiting_for("/p", "a"), Runs{{"one"}});
  EXPECT_EQ(sleepers.waiting_for("/p", "b"), (Runs{{"one"}, {"two"}}));
  EXPECT_EQ(sleepers.waiting_for("/p", "c"), Runs{});
  EXPECT_EQ(sleepers.waiting_for_any_event(), (Runs{{"one"}, {"other"}, {"two"}}));
}

TEST(Sleepers, AreFoundByTheirChildren) {
  Sleepers sleepers;
  sleepers.add({.run = {"parent"}, .children = {{"c1"}, {"c2"}}});
  EXPECT_EQ(sleepers.parents_of({"c2"}), Runs{{"parent"}});
  EXPECT_EQ(sleepers.children(), (Runs{{"c1"}, {"c2"}}));
}

TEST(Sleepers, AddingARunAgainReplacesWhatWasKnownOfIt) {
  Sleepers sleepers;
  sleepers.add({.run = {"one"}, .project = "/p", .due = at(10), .events = {"a"}});
  sleepers.add({.run = {"one"}, .project = "/p", .due = at(20)});
  EXPECT_EQ(sleepers.size(), 1U);
  EXPECT_EQ(sleepers.next(), at(20));
  EXPECT_EQ(sleepers.waiting_for("/p", "a"), Runs{});
}

}  // namespace
}  // namespace agentcmd::runtime
