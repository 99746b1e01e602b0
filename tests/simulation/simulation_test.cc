// What the simulation itself promises, that it notices broken rules, and its sharpest use: one
// mishap after the other at every single moment of a run.

#include "simulation/simulation.h"

#include "base/log.h"
#include "base/random.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <span>
#include <vector>

namespace agentcmd::simulation {
namespace {

using Kind = Node::Kind;

Node step(std::string id, std::string type, std::string options = "{}") {
  return {.kind = Kind::step,
          .id = std::move(id),
          .type = std::move(type),
          .options = std::move(options)};
}
Node closure(std::string id, std::uint32_t effects) {
  return {.kind = Kind::closure, .id = std::move(id), .count = effects, .options = "{}"};
}
Node sleep(std::string id, Milliseconds wait) {
  return {.kind = Kind::sleep, .id = std::move(id), .wait = wait};
}
Node group(Kind kind, std::string id, std::vector<Node> children) {
  return {.kind = kind, .id = std::move(id), .children = std::move(children)};
}

// A bit of everything, one after the other and side by side.
Program plain_program() {
  return {.body = group(Kind::sequence, "body",
                        {closure("first", 0),
                         group(Kind::settled, "around",
                               {closure("effects", 3), step("agent", "agent"),
                                step("command", "cli"), sleep("nap", Milliseconds(5))}),
                         closure("last", 1)}),
          .events = {}};
}

// Ends while things are under way that nobody waits for.
Program hasty_program() {
  return {.body = group(Kind::race, "body",
                        {closure("effects", 9), step("agent", "agent"), step("command", "cli"),
                         step("again", "again"), sleep("over", Milliseconds(25))}),
          .events = {}};
}

// Whoever drives it waits for a person most of the time, and has nothing to write meanwhile.
Options::Scene questions() {
  const Node first{.kind = Kind::gate, .id = "first"};
  const Node second{.kind = Kind::gate, .id = "second"};
  return {.program = {.body = group(Kind::sequence, "body", {first, closure("between", 0), second}),
                      .events = {}},
          .waits = true};
}

// A run within a run within a run, the last of which waits for a person.
Options::Scene family() {
  auto child = step("child", "invoke");
  child.config = R"({"workflow":"c1","args":{}})";
  auto grandchild = step("grandchild", "invoke");
  grandchild.config = R"({"workflow":"c0","args":{}})";
  const Node gate{.kind = Kind::gate, .id = "gate"};
  return {
      .program = {.body = group(Kind::all, "body", {child, closure("effects", 2)})},
      .children = {{.body = group(Kind::sequence, "body", {gate, step("agent", "agent")})},
                   {.body = group(Kind::all, "body", {grandchild, sleep("nap", Milliseconds(9))})}},
      .keeper = true};
}

// A run that does not wait for its child to the end.
Options::Scene impatient() {
  auto child = step("child", "invoke", R"({"retry":{"attempts":2,"initial":10}})");
  child.config = R"({"workflow":"c0","args":{},"timeout":60})";
  const Node gate{.kind = Kind::gate, .id = "gate"};
  return {.program = {.body = group(Kind::sequence, "body", {child}), .events = {}},
          .children = {{.body = group(Kind::all, "body", {gate, step("command", "cli")}),
                        .events = {}}},
          .keeper = true};
}

// With many seeds, since what else happens at that moment is chance.
void expect_to_survive(Options::Scene scene, Mishap mishap) {
  const std::uint64_t seeds = scene.children.empty() ? 4 : 2;
  scene.mishap = mishap;
  constexpr std::uint64_t moments_max = 150;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (std::uint64_t at = 1; at <= moments_max; ++at) {
      Options options{.seed = seed, .keep_trace = true};
      scene.at = at;
      options.scene = scene;
      const auto report = simulate(options);
      for (const auto& violation : report.violations) {
        std::string trace;
        for (const auto& line : report.trace) trace += line + '\n';
        FAIL() << "seed " << seed << ", as thing number " << at << ": \"" << violation.rule
               << "\": " << violation.what << '\n'
               << trace;
      }
      if (report.steps < at) break;
    }
  }
}

void expect_to_survive(const Program& program, Mishap mishap) {
  expect_to_survive(Options::Scene{.program = program}, mishap);
}

class AtAnyMoment : public testing::Test {
 protected:
  AtAnyMoment() { log::configure(log::Level::off); }
};

TEST_F(AtAnyMoment, TheDriverMayBeKilled) {
  expect_to_survive(plain_program(), Mishap::kill);
  expect_to_survive(hasty_program(), Mishap::kill);
  expect_to_survive(family(), Mishap::kill);
}

TEST_F(AtAnyMoment, TheDriverMayLeave) {
  expect_to_survive(plain_program(), Mishap::leave);
  expect_to_survive(hasty_program(), Mishap::leave);
  expect_to_survive(family(), Mishap::leave);
}

TEST_F(AtAnyMoment, TheWorkerMayDie) {
  expect_to_survive(plain_program(), Mishap::worker);
  expect_to_survive(hasty_program(), Mishap::worker);
  expect_to_survive(family(), Mishap::worker);
}

TEST_F(AtAnyMoment, PowerMayBeLost) {
  expect_to_survive(plain_program(), Mishap::power);
  expect_to_survive(hasty_program(), Mishap::power);
  expect_to_survive(family(), Mishap::power);
}

TEST_F(AtAnyMoment, ASupervisorMayBeKilled) {
  expect_to_survive(plain_program(), Mishap::supervisor);
  expect_to_survive(hasty_program(), Mishap::supervisor);
  expect_to_survive(family(), Mishap::supervisor);
}

TEST_F(AtAnyMoment, TheDiskMayBeFull) {
  expect_to_survive(plain_program(), Mishap::disk_full);
  expect_to_survive(hasty_program(), Mishap::disk_full);
  expect_to_survive(family(), Mishap::disk_full);
  expect_to_survive(impatient(), Mishap::disk_full);
}

TEST_F(AtAnyMoment, AnotherDriverMayTakeTheRunOver) {
  expect_to_survive(plain_program(), Mishap::two_drivers);
  expect_to_survive(hasty_program(), Mishap::two_drivers);
  expect_to_survive(family(), Mishap::two_drivers);
  expect_to_survive(questions(), Mishap::two_drivers);
}

TEST_F(AtAnyMoment, TheRunMayBeCancelled) {
  expect_to_survive(plain_program(), Mishap::cancel);
  expect_to_survive(hasty_program(), Mishap::cancel);
  expect_to_survive(family(), Mishap::cancel);
}

TEST_F(AtAnyMoment, TheRunMayBePaused) {
  expect_to_survive(plain_program(), Mishap::pause);
  expect_to_survive(hasty_program(), Mishap::pause);
  expect_to_survive(family(), Mishap::pause);
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    const Options options{.seed = seed, .keep_trace = true};
    EXPECT_EQ(simulate(options).trace, simulate(options).trace);
  }
}

TEST(Simulation, DiffersFromSeedToSeed) {
  EXPECT_NE(simulate({.seed = 3, .keep_trace = true}).trace,
            simulate({.seed = 4, .keep_trace = true}).trace);
}

// Writes the history to the real store in pieces, and asks for its projections after each.
void write(store::Loop& loop, store::Store& store, const history::RunId& run,
           std::span<const history::Event> events, SeededRandom& random) {
  for (std::size_t from = 0; from < events.size();) {
    const auto count = std::min<std::size_t>(events.size() - from, 1 + random.next() % 9);
    const auto piece = events.subspan(from, count);
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = run,
                     .expected_seq = from,
                     .owner = store::me,
                     .events = {piece.begin(), piece.end()}});
    ASSERT_TRUE(loop.wait(store.log().append(std::move(parts))));
    from += count;
    ASSERT_EQ(loop.wait(store.catalog().find_run(run.text))->events, from);
  }
}

TEST(Simulation, ProjectionsOfItsHistoriesEqualTheirRebuild) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SeededRandom random(seed);
    const store::TempHome home;
    store::Loop loop;
    const auto store = loop.open(home.home);
    const auto histories = simulate({.seed = seed}).histories;
    for (const auto& [run, events] : histories) write(loop, *store, run, events, random);
    const auto runs = loop.wait(store->catalog().runs({.limit = 1000}));
    std::map<history::RunId, std::vector<store::StepRow>> steps;
    for (const auto& [run, events] : histories) {
      steps[run] = loop.wait(store->catalog().steps(run));
    }
    loop.wait(store->catalog().rebuild());
    EXPECT_EQ(loop.wait(store->catalog().runs({.limit = 1000})), runs) << "seed " << seed;
    for (const auto& [run, rows] : steps) {
      EXPECT_EQ(loop.wait(store->catalog().steps(run)), rows) << "seed " << seed;
    }
    loop.wait(store->log().stop());
  }
}

// Of a hundred seeds, those that notice that a rule is broken on purpose. `make sim-can-fail` shows
// what they see.
int seeds_that_notice(Broken broken) {
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!simulate({.seed = seed, .broken = broken}).violations.empty()) ++noticed;
  }
  return noticed;
}

std::string first_rule_noticed(Broken broken) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto report = simulate({.seed = seed, .broken = broken});
    if (!report.violations.empty()) return report.violations.front().rule;
  }
  return {};
}

class CanFail : public AtAnyMoment {};

TEST_F(CanFail, EachSeedNoticesADecisionThatIsSeenBeforeItsCommit) {
  EXPECT_EQ(seeds_that_notice(Broken::commit), 100);
  EXPECT_EQ(first_rule_noticed(Broken::commit), "commit");
}

TEST_F(CanFail, OneSeedInFiveNoticesThatADriverWhichLostItsRunCommits) {
  EXPECT_GE(seeds_that_notice(Broken::fence), 20);
  EXPECT_EQ(first_rule_noticed(Broken::fence), "fence");
}

TEST_F(CanFail, OneSeedInTwoNoticesATimerThatFiresBeforeItsTime) {
  EXPECT_GE(seeds_that_notice(Broken::timer), 50);
  EXPECT_EQ(first_rule_noticed(Broken::timer), "timer");
}

}  // namespace
}  // namespace agentcmd::simulation
