#include "engine/why.h"

#include "base/limits.h"
#include "engine/replay.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace agentcmd::engine {
namespace {

using namespace history;
using namespace std::chrono_literals;

constexpr Time start = from_millis(1'700'000'000'000);

// A run that has begun, and what is known around it: a live process drives it.
class WhyTest : public testing::Test {
 protected:
  WhyTest() {
    add(RunCreated{.definition = "flow", .request = {"{}"}});
    add(RunStarted{});
    facts = {.run = {"r_1"},
             .now = start,
             .last_event_at = start,
             .driven = true,
             .driver = "process 7"};
  }

  void add(Detail detail) {
    state.apply({.seq = state.seq + 1, .at = start, .detail = std::move(detail)});
    facts.last_event_at = start;
  }
  void add_step(const std::string& key, const std::string& type, bool running) {
    add(StepScheduled{.key = {key}, .type = type, .name = key, .input = {"{}"}});
    if (running) add(StepStarted{.key = {key}});
  }

  // The only thing waited for.
  WaitsFor only() const {
    const auto all = why(state, facts);
    EXPECT_EQ(all.waits.size(), 1U);
    EXPECT_TRUE(all.stuck.empty()) << all.stuck.front();
    return all.waits.empty() ? WaitsFor{} : all.waits.front();
  }
  std::vector<std::string> stuck() const { return why(state, facts).stuck; }

  RunState state;
  WhyFacts facts;
};

bool has(const std::vector<std::string>& commands, std::string_view command) {
  return std::ranges::find(commands, command) != commands.end();
}

TEST_F(WhyTest, ARunningStepIsNamedWithItsAttempt) {
  add_step("build", "cli", true);
  add(StepFailed{.key = {"build"}, .retry = true, .retry_at = start});
  add(StepStarted{.key = {"build"}, .attempt = 2});
  const auto waits = only();
  EXPECT_EQ(waits.what, "step");
  EXPECT_TRUE(waits.text.starts_with("Step 'build' (cli) runs since")) << waits.text;
  EXPECT_TRUE(waits.text.contains("attempt 2")) << waits.text;
  EXPECT_EQ(waits.since, start);
}

TEST_F(WhyTest, AStepThatWaitsForItsTurnHasItsPlace) {
  add_step("build", "cli", false);
  facts.queued[{"build"}] = {.place = 3, .limit = "8 commands run already"};
  const auto waits = only();
  EXPECT_EQ(waits.what, "queue");
  EXPECT_TRUE(waits.text.ends_with("at place 3: 8 commands run already")) << waits.text;
}

TEST_F(WhyTest, AFailedStepSaysWhenItIsTriedAgain) {
  add_step("build", "cli", true);
  add(StepFailed{.key = {"build"}, .retry = true, .retry_at = start + 5s});
  const auto waits = only();
  EXPECT_EQ(waits.what, "retry");
  EXPECT_EQ(waits.until, start + 5s);
  EXPECT_TRUE(waits.text.contains("failed once")) << waits.text;
}

TEST_F(WhyTest, ATimerSaysWhenItIsDue) {
  add(TimerStarted{.key = {"nap"}, .name = "nap", .fire_at = start + 1h});
  const auto waits = only();
  EXPECT_EQ(waits.what, "timer");
  EXPECT_EQ(waits.until, start + 1h);
}

TEST_F(WhyTest, AWaitNamesItsEventAndWhatSendsIt) {
  add(WaitStarted{.key = {"go"}, .name = "go", .event = "it's time", .timeout_at = start + 1h});
  const auto waits = only();
  EXPECT_EQ(waits.what, "event");
  EXPECT_EQ(waits.until, start + 1h);
  EXPECT_TRUE(has(waits.commands, R"(agentcmd events send 'it'\''s time' --data JSON)"))
      << waits.commands.front();
}

TEST_F(WhyTest, AGateHasTheCommandsThatAnswerIt) {
  add(GateOpened{.key = {"ship"},
                 .name = "ship",
                 .gate = {R"({"title":"Ship it?","options":["now","later"]})"}});
  const auto waits = only();
  EXPECT_EQ(waits.what, "gate");
  EXPECT_TRUE(waits.text.contains("Ship it?"));
  EXPECT_TRUE(has(waits.commands, "agentcmd approve r_1 ship --option now"));
  EXPECT_TRUE(has(waits.commands, "agentcmd deny r_1 ship"));
}

TEST_F(WhyTest, AnInvokeNamesTheChild) {
  add_step("child", "invoke", true);
  add(StepCheckpoint{.key = {"child"}, .data = {R"({"child":"r_2"})"}});
  const auto waits = only();
  EXPECT_EQ(waits.what, "child");
  EXPECT_TRUE(has(waits.commands, "agentcmd runs why r_2"));
}

TEST_F(WhyTest, APauseSaysItsReasonAndWhatToDo) {
  const Mismatch mismatch{
      .index = 2,
      .expected = Asked{.kind = "step", .key = "a", .type = "run"},
      .found = Asked{.kind = "step", .key = "b", .type = "cli", .place = "flow.ts:3:4"}};
  add(pause_for(mismatch));
  const auto waits = only();
  EXPECT_EQ(waits.what, "pause");
  for (const auto* said : {"'a' (run)", "'b' (cli)", "flow.ts:3:4", "command 3"}) {
    EXPECT_TRUE(waits.text.contains(said)) << said << " in " << waits.text;
  }
  EXPECT_EQ(waits.detail["found"]["place"], "flow.ts:3:4");
  EXPECT_TRUE(has(waits.commands, "agentcmd runs resume r_1 --code now"));
}

TEST_F(WhyTest, ARunWithoutADriverSaysSoAndIsNotStuck) {
  add_step("build", "cli", true);
  facts.driven = false;
  facts.now = start + 24h;
  const auto all = why(state, facts);
  ASSERT_EQ(all.waits.size(), 2U);
  EXPECT_EQ(all.waits[0].what, "driver");
  EXPECT_TRUE(has(all.waits[0].commands, "agentcmd runs resume r_1"));
  EXPECT_TRUE(all.waits[1].text.contains("was begun at")) << all.waits[1].text;
  EXPECT_TRUE(all.stuck.empty());
}

TEST_F(WhyTest, ACancelledRunSaysUntilWhenCleanUpMayTake) {
  add(RunCancelRequested{.by = "me"});
  add_step("clean", "cli", true);
  const auto all = why(state, facts);
  ASSERT_EQ(all.waits.size(), 2U);
  EXPECT_EQ(all.waits[0].what, "cancellation");
  facts.now = start + limits::cancel_grace + limits::overdue_max;
  EXPECT_EQ(stuck().size(), 1U);
}

TEST_F(WhyTest, AnEndedRunWaitsForNothing) {
  add(RunCompleted{{"null"}});
  facts.driven = false;
  const auto all = why(state, facts);
  EXPECT_TRUE(all.waits.empty());
  EXPECT_TRUE(all.stuck.empty());
}

TEST_F(WhyTest, ARunWithNothingOpenIsStuckUnlessItHasJustMoved) {
  EXPECT_EQ(only().what, "end");
  facts.now = start + limits::overdue_max;
  EXPECT_EQ(stuck().size(), 1U);
  EXPECT_EQ(stuck_from(state, start), start + limits::overdue_max);
}

TEST_F(WhyTest, WhatWasDueLongAgoIsStuckAndAPausedRunIsNot) {
  add(TimerStarted{.key = {"nap"}, .name = "nap", .fire_at = start});
  facts.now = start + limits::overdue_max - 1ms;
  EXPECT_TRUE(stuck().empty());
  facts.now = start + limits::overdue_max;
  ASSERT_EQ(stuck().size(), 1U);
  EXPECT_TRUE(stuck().front().contains("nap"));
  EXPECT_EQ(stuck_from(state, start), start + limits::overdue_max);
  add(RunPaused{.reason = "asked", .message = "", .detail = {"{}"}});
  EXPECT_TRUE(stuck().empty());
  EXPECT_EQ(stuck_from(state, start), std::nullopt);
}

TEST_F(WhyTest, AnAnswerThatNobodyHasTakenIsTakenByWhoResumesTheRun) {
  add(GateOpened{.key = {"ship"}, .name = "ship", .gate = {R"({"title":"Ship it?"})"}});
  facts.driven = false;
  facts.answered[{"ship"}] = "ada";
  const auto waits = why(state, facts).waits.back();
  EXPECT_TRUE(waits.text.contains("answered already, by ada")) << waits.text;
  ASSERT_EQ(waits.commands.size(), 1U);
  EXPECT_TRUE(waits.commands[0].starts_with("agentcmd runs resume"));
}

TEST_F(WhyTest, AnOpenStepThatItsDriverDoesNothingForIsStuck) {
  add_step("build", "cli", true);
  facts.held.emplace();
  ASSERT_EQ(stuck().size(), 1U);
  facts.held->insert({"build"});
  EXPECT_TRUE(stuck().empty());
}

}  // namespace
}  // namespace agentcmd::engine
