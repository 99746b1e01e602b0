#include "engine/flow.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using history::FlowGroup;
using history::RunId;
using Runs = std::vector<std::string>;

FlowGroup deploy(std::uint32_t limit, const std::string& key = "prod") {
  return {.id = "deploy " + key,
          .label = fmt::format("runs of 'deploy' with key '{}'", key),
          .limit = limit};
}

// A situation in short words. Runs are created in the order in which they are added.
struct Scene {
  FlowSituation now;

  Scene& limits(std::uint32_t runs, std::uint32_t per_project) {
    now.limits = {.runs = runs, .runs_per_project = per_project};
    return *this;
  }
  HeldPlace& runs(const std::string& run, const std::string& project = "/a",
                  const std::vector<FlowGroup>& groups = {}) {
    HeldPlace held{.run = {run}, .project = project};
    for (const auto& group : groups) held.groups.push_back(group.id);
    now.held.push_back(std::move(held));
    return now.held.back();
  }
  WantedPlace& wants(const std::string& run, const std::string& project = "/a",
                     std::vector<FlowGroup> groups = {}) {
    now.wanted.push_back({.run = {run},
                          .project = project,
                          .flow = {.groups = std::move(groups)},
                          .order = now.wanted.size() + 1});
    return now.wanted.back();
  }
  Runs starts() const {
    Runs all;
    for (const auto& run : decide_places(now).start) all.push_back(run.text);
    return all;
  }
  Runs waits() const {
    Runs all;
    for (const auto& one : decide_places(now).wait) all.push_back(one.run.text);
    return all;
  }
  std::string reason(const std::string& run) const {
    for (const auto& one : decide_places(now).wait) {
      if (one.run.text == run) return fmt::format("{}: {}", one.position, one.reason);
    }
    return "starts";
  }
};

TEST(Flow, WithoutLimitsEveryRunStartsInTheOrderOfCreation) {
  Scene scene;
  scene.wants("r1");
  scene.wants("r2");
  EXPECT_EQ(scene.starts(), (Runs{"r1", "r2"}));
  EXPECT_TRUE(scene.waits().empty());
}

TEST(Flow, TheHomesLimitHoldsUpWhoIsBeyondIt) {
  Scene scene;
  scene.limits(2, 0).runs("r0");
  for (const auto* run : {"r1", "r2", "r3"}) scene.wants(run);
  EXPECT_EQ(scene.starts(), (Runs{"r1"}));
  EXPECT_EQ(scene.reason("r2"), "1: 2 of 2 runs of this home are running: r0, r1");
  EXPECT_EQ(scene.reason("r3"),
            "2: 2 of 2 runs of this home are running: r0, r1; 1 more waits before it");
}

TEST(Flow, TheProjectsLimitHoldsUpThisProjectOnly) {
  Scene scene;
  scene.limits(0, 1).runs("r0", "/a");
  scene.wants("r1", "/a");
  scene.wants("r2", "/b");
  EXPECT_EQ(scene.starts(), (Runs{"r2"}));
  EXPECT_EQ(scene.reason("r1"), "1: 1 of 1 runs of the project is running: r0");
}

TEST(Flow, AGroupsLimitIsItsDefinitionsAndItsKeys) {
  Scene scene;
  scene.runs("r1", "/a", {deploy(2)});
  scene.runs("r2", "/a", {deploy(2)});
  scene.wants("r3", "/a", {deploy(2)});
  scene.wants("r4", "/a", {deploy(2, "test")});
  scene.wants("r5", "/a");
  EXPECT_EQ(scene.starts(), (Runs{"r4", "r5"}));
  EXPECT_EQ(scene.reason("r3"), "1: 2 of 2 runs of 'deploy' with key 'prod' are running: r1, r2");
}

TEST(Flow, ALimitThatWasLoweredHoldsUpUntilEnoughHaveEnded) {
  Scene scene;
  for (const auto* run : {"r1", "r2", "r3", "r4", "r5"}) scene.runs(run, "/a", {deploy(9)});
  scene.wants("r6", "/a", {deploy(1)});
  EXPECT_EQ(scene.reason("r6"),
            "1: 5 of 1 runs of 'deploy' with key 'prod' are running: r1, r2, r3 and 2 more");
}

TEST(Flow, ARunNeedsAPlaceInEachOfItsGroups) {
  const FlowGroup single{.id = "nightly", .label = "runs of 'nightly'", .limit = 1};
  Scene scene;
  scene.runs("r1", "/a", {single});
  scene.wants("r2", "/a", {deploy(5), single});
  EXPECT_EQ(scene.reason("r2"), "1: 1 of 1 runs of 'nightly' is running: r1");
}

TEST(Flow, WhoIsHeldUpByAGroupHoldsUpNobodyElse) {
  Scene scene;
  scene.limits(2, 0).runs("r1", "/a", {deploy(1)});
  scene.wants("r2", "/a", {deploy(1)});
  scene.wants("r3", "/a");
  EXPECT_EQ(scene.starts(), (Runs{"r3"}));
}

TEST(Flow, TheProjectWithTheFewestRunningRunsIsServedFirst) {
  Scene scene;
  scene.limits(4, 0).runs("r1", "/a");
  scene.runs("r2", "/a");
  for (const auto* run : {"r3", "r4"}) scene.wants(run, "/a");
  for (const auto* run : {"r5", "r6", "r7"}) scene.wants(run, "/b");
  EXPECT_EQ(scene.starts(), (Runs{"r5", "r6"}));
  EXPECT_EQ(scene.waits(), (Runs{"r3", "r7", "r4"})) << "from two each on they take turns";
}

TEST(Flow, ProjectsTakeTurnsWhenOnlyOneRunFits) {
  // A hundred runs of one project do not make the only one of another wait for all of them.
  Scene scene;
  scene.limits(1, 0);
  for (int i = 0; i < 100; ++i) scene.wants(fmt::format("a{}", i), "/a");
  scene.wants("b0", "/b");
  scene.now.served = {{"/a", 7}};
  EXPECT_EQ(scene.starts(), (Runs{"b0"}));
  scene.now.served = {{"/a", 7}, {"/b", 8}};
  EXPECT_EQ(scene.starts(), (Runs{"a0"}));
  EXPECT_EQ(scene.reason("b0"), "1: 1 of 1 runs of this home is running: a0");
}

TEST(Flow, WhoIsHeldUpByAGroupCostsItsProjectNoTurn) {
  Scene scene;
  scene.limits(2, 0).runs("r0", "/c", {deploy(1)});
  scene.now.served = {{"/a", 1}, {"/b", 2}};
  for (const auto* run : {"r1", "r2", "r3"}) scene.wants(run, "/a", {deploy(1)});
  scene.wants("r4", "/a");
  scene.wants("r5", "/b");
  EXPECT_EQ(scene.starts(), (Runs{"r4"}));
}

TEST(Flow, WithinAProjectPriorityGoesBeforeAge) {
  Scene scene;
  scene.limits(1, 0);
  scene.wants("old");
  scene.wants("low").flow.priority = -1;
  scene.wants("high").flow.priority = 5;
  EXPECT_EQ(scene.starts(), (Runs{"high"}));
  EXPECT_EQ(scene.waits(), (Runs{"old", "low"}));
}

TEST(Flow, RunsThatOnlyWaitTakeNoPlaceOfTheHomeButOneOfTheirGroup) {
  Scene scene;
  scene.limits(1, 1).runs("asleep", "/a", {deploy(1)}).works = false;
  scene.wants("r1", "/a");
  scene.wants("r2", "/a", {deploy(1)});
  EXPECT_EQ(scene.starts(), (Runs{"r1"}));
  EXPECT_EQ(scene.reason("r2"), "1: 1 of 1 runs of 'deploy' with key 'prod' is running: asleep");
}

TEST(Flow, ARunThatWasTakenOverGoesOnBeyondTheHomesLimitButNotBeyondItsGroups) {
  Scene scene;
  scene.limits(1, 0).runs("r1", "/a", {deploy(1)});
  scene.wants("free").begun = true;
  scene.wants("held", "/a", {deploy(1)}).begun = true;
  EXPECT_EQ(scene.starts(), (Runs{"free"}));
  EXPECT_EQ(scene.waits(), (Runs{"held"}));
}

TEST(Flow, AChildNeverWaitsForARunThatWaitsForIt) {
  Scene scene;
  scene.limits(1, 1).runs("parent", "/a", {deploy(1)});
  auto& middle = scene.runs("middle", "/a");
  middle.parent = "parent";
  scene.wants("child", "/a", {deploy(1)}).parent = "middle";
  scene.wants("other", "/a", {deploy(1)});
  EXPECT_EQ(scene.starts(), (Runs{"child"}));
}

TEST(Flow, ChildrenOfOthersDoNotPassALimitOfTheirDefinition) {
  Scene scene;
  scene.runs("r1", "/a", {deploy(1)});
  scene.runs("parent", "/a");
  scene.wants("child", "/a", {deploy(1)}).parent = "parent";
  EXPECT_TRUE(scene.starts().empty());
}

TEST(Flow, OnlyARunWithoutAnyLimitIsUnlimited) {
  Scene scene;
  auto& plain = scene.wants("r1");
  EXPECT_TRUE(is_unlimited(plain, {}));
  EXPECT_FALSE(is_unlimited(plain, {.runs = 1}));
  plain.begun = true;
  EXPECT_TRUE(is_unlimited(plain, {.runs = 1}));
  plain.flow.groups = {deploy(1)};
  EXPECT_FALSE(is_unlimited(plain, {}));
}

// Whatever the situation: no limit is passed, everybody starts or waits, and where a place is free
// that somebody may take, somebody takes it.
TEST(Flow, ManySituationsKeepTheLimitsAndLeaveNoPlaceUnused) {
  std::uint64_t seed = 42;
  const auto random = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % below;
  };
  for (int round = 0; round < 500; ++round) {
    Scene scene;
    scene.limits(static_cast<std::uint32_t>(1 + random(4)),
                 static_cast<std::uint32_t>(1 + random(3)));
    for (std::uint64_t i = 0; i < 1 + random(12); ++i) {
      std::vector<FlowGroup> groups;
      if (random(2) == 0) groups.push_back(deploy(2, random(2) == 0 ? "x" : "y"));
      scene.wants(fmt::format("r{}", i), random(2) == 0 ? "/a" : "/b", groups);
    }
    const auto decision = decide_places(scene.now);
    EXPECT_EQ(decision.start.size() + decision.wait.size(), scene.now.wanted.size());
    EXPECT_FALSE(decision.start.empty());
    std::map<std::string, std::uint32_t> by_project;
    std::map<std::string, std::uint32_t> by_group;
    for (const auto& wanted : scene.now.wanted) {
      if (std::ranges::find(decision.start, wanted.run) == decision.start.end()) continue;
      ++by_project[wanted.project];
      for (const auto& group : wanted.flow.groups) ++by_group[group.id];
    }
    EXPECT_LE(decision.start.size(), scene.now.limits.runs);
    for (const auto& [project, count] : by_project) {
      EXPECT_LE(count, scene.now.limits.runs_per_project);
    }
    for (const auto& [group, count] : by_group) EXPECT_LE(count, 2U);
    // With those started, nobody else may.
    for (const auto& run : decision.start) {
      const auto wanted = std::ranges::find(scene.now.wanted, run, &WantedPlace::run);
      scene.runs(run.text, wanted->project, wanted->flow.groups);
      scene.now.wanted.erase(wanted);
    }
    EXPECT_TRUE(scene.starts().empty());
  }
}

TEST(Flow, ItsTextComesBackAsItWas) {
  const history::Flow flow{.groups = {deploy(2), deploy(1, "\"quoted\"")}, .priority = -3};
  EXPECT_EQ(history::flow_from(history::flow_text(flow)), flow);
  EXPECT_EQ(history::flow_text({}), "");
  EXPECT_EQ(history::flow_from(""), history::Flow{});
}

}  // namespace
}  // namespace agentcmd::engine
