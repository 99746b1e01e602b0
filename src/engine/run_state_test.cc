#include "engine/run_state.h"

#include "base/fault.h"
#include "engine/decide.h"

#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace history;

RunState state_after(std::vector<Detail> details) {
  RunState state;
  for (const auto& event : number(state, Time{}, std::move(details))) state.apply(event);
  return state;
}

const StepScheduled cli{.key = {"build"}, .type = "cli", .input = {"{}"}};

TEST(RunState, KeepsWhatIsOpenAndNothingThatHasEnded) {
  auto state = state_after({RunCreated{}, RunStarted{}, cli, StepStarted{{"build"}, 1}});
  ASSERT_EQ(state.steps.size(), 1U);
  EXPECT_TRUE(state.steps.at({"build"}).running);
  state.apply({.seq = 5, .detail = StepCompleted{.key = {"build"}, .output = {"1"}}});
  EXPECT_TRUE(state.steps.empty());
}

TEST(RunState, ALostStepStaysOpenWithItsPolicyAndCheckpoint) {
  const auto state = state_after({RunCreated{}, RunStarted{}, cli, StepStarted{{"build"}, 1},
                                  StepCheckpoint{{"build"}, 1, {R"({"sessionId":"s"})"}},
                                  StepLost{{"build"}, 1, "gone", "ask"}});
  const auto& step = state.steps.at({"build"});
  EXPECT_FALSE(step.running);
  EXPECT_EQ(step.lost_policy, "ask");
  EXPECT_EQ(step.lost_checkpoint->text, R"({"sessionId":"s"})");
}

TEST(RunState, WhatAnAttemptNotedIsKeptUntilALaterOneNotesSomethingElse) {
  const auto state =
      state_after({RunCreated{}, RunStarted{}, cli, StepStarted{{"build"}, 1},
                   StepCheckpoint{{"build"}, 1, {R"({"head":"h","snapshot":"s"})"}},
                   StepLost{{"build"}, 1, "gone", "retry"}, StepStarted{{"build"}, 2},
                   StepCheckpoint{{"build"}, 2, {R"({"snapshot":"t"})"}},
                   StepLost{{"build"}, 2, "gone", "retry"}});
  EXPECT_EQ(state.steps.at({"build"}).lost_checkpoint->text, R"({"head":"h","snapshot":"t"})");
}

TEST(RunState, AnAttemptHasItsAnswersAndTheRunTheRulesThatCameWithThem) {
  const GateOpened asked{
      .key = {"build/ask1"}, .step = {"build"}, .gate = {R"x({"rule":"Bash(ls)"})x"}};
  const GateDecided allowed{.key = {"build/ask1"},
                            .approved = true,
                            .option = std::string(gate_option_for_run),
                            .step = {"build"}};
  auto state =
      state_after({RunCreated{}, RunStarted{}, cli, StepStarted{{"build"}, 1}, asked, allowed});
  EXPECT_TRUE(state.gates.empty());
  EXPECT_EQ(state.allowed, std::vector<std::string>{"Bash(ls)"});
  EXPECT_EQ(state.steps.at({"build"}).answers.at({"build/ask1"}).decision, allowed);
  EXPECT_EQ(state.steps.at({"build"}).answers.at({"build/ask1"}).seq, 6U);
  state.apply({.seq = 7, .detail = StepLost{{"build"}, 1, "gone", "resume"}});
  state.apply({.seq = 8, .detail = StepStarted{{"build"}, 2}});
  EXPECT_TRUE(state.steps.at({"build"}).answers.empty());
  EXPECT_EQ(state.allowed.size(), 1U);
}

TEST(RunState, WhatComesDuringAPauseIsUnseen) {
  const auto state =
      state_after({RunCreated{}, RunStarted{}, cli, StepStarted{{"build"}, 1},
                   RunPaused{.reason = "asked"}, StepCompleted{.key = {"build"}, .output = {"1"}}});
  ASSERT_EQ(state.unseen.size(), 1U);
  EXPECT_EQ(state.unseen[0].seq, 6U);
}

TEST(RunState, ResumeMovesThePinAndEndsThePause) {
  const auto state =
      state_after({RunCreated{.code_hash = "a"}, RunPaused{}, RunResumed{"me", "b"}});
  EXPECT_FALSE(state.paused);
  EXPECT_EQ(state.code_hash, "b");
}

TEST(RunState, FactsAreMerged) {
  const auto state = state_after({RunCreated{.project = "/p"},
                                  RunUpdated{{R"({"working_dir":"/w","pr_url":"u"})"}},
                                  RunUpdated{{R"({"pr_url":"v"})"}}});
  EXPECT_EQ(state.working_dir(), "/w");
  EXPECT_EQ(string_or(state.facts, "pr_url"), "v");
}

TEST(RunState, ADamagedHistoryIsRefused) {
  EXPECT_THROW(state_after({RunCreated{}, StepStarted{{"never"}, 1}}), Fault);
  EXPECT_THROW(state_after({RunCreated{}, cli, cli}), Fault);
  EXPECT_THROW(state_after({RunCreated{}, RunCompleted{}, RunStarted{}}), Fault);
}

}  // namespace
}  // namespace agentcmd::engine
