#include "engine/replay.h"

#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace history;

const Asked build{.kind = "step", .key = "build", .type = "cli"};
const Asked test{.kind = "step", .key = "test", .type = "cli"};

TEST(Replay, EqualListsMatch) {
  EXPECT_FALSE(compare({build, test}, {build, test}));
}

TEST(Replay, TheFirstDifferenceIsShownFromBothSides) {
  const auto mismatch = compare({build, test}, {build, build});
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->index, 1U);
  EXPECT_EQ(mismatch->expected, test);
  EXPECT_EQ(mismatch->found, build);
}

TEST(Replay, AskingForLessOrForMoreIsADifference) {
  EXPECT_EQ(compare({build, test}, {build})->found, std::nullopt);
  EXPECT_EQ(compare({build}, {build, test})->expected, std::nullopt);
}

TEST(Replay, ThePauseNamesExpectedAndFound) {
  const auto paused = pause_for(*compare({build, test}, {build}));
  EXPECT_EQ(paused.reason, "nondeterminism");
  EXPECT_NE(paused.message.find("step 'test' (cli)"), std::string::npos);
  EXPECT_NE(paused.message.find("nothing"), std::string::npos);
}

TEST(Replay, NotesAreNotCompared) {
  EXPECT_TRUE(asked_in(std::vector<Command>{Note{Logged{.message = "hello"}}}).empty());
  EXPECT_EQ(asked_in(std::vector<Command>{ScheduleStep{.key = {"build"}, .type = "cli"}}),
            std::vector{build});
  EXPECT_EQ(asked_in(std::vector<Event>{
                {.seq = 1, .detail = StepScheduled{.key = {"build"}, .type = "cli"}}}),
            std::vector{build});
}

TEST(Replay, OnlyAFinalFailureIsToldToTheCode) {
  EXPECT_TRUE(is_job(StepFailed{.retry = false}));
  EXPECT_FALSE(is_job(StepFailed{.retry = true}));
  EXPECT_FALSE(is_job(StepScheduled{}));
}

TEST(Replay, WhatAStepAsksPeopleIsNoneOfTheCodesConcern) {
  EXPECT_TRUE(is_job(GateDecided{.key = {"ship"}}));
  EXPECT_FALSE(is_job(GateDecided{.key = {"fix/ask1"}, .step = {"fix"}}));
  EXPECT_TRUE(asked_in(std::vector<Event>{
                           {.seq = 1, .detail = GateOpened{.key = {"fix/ask1"}, .step = {"fix"}}}})
                  .empty());
}

TEST(Replay, AJobHasTheTimeOfItsEvent) {
  const Event fired{.seq = 3, .at = from_millis(42), .detail = TimerFired{{"nap"}}};
  EXPECT_EQ(to_millis(job_of({}, fired, {}).at), 42);
}

TEST(Replay, TheStartNamesTheRunUnlessItBeganBeforeThatWasSo) {
  Event started{.seq = 2, .detail = RunStarted{}, .flags = flag_run_id};
  EXPECT_EQ(std::get<StartJob>(job_of({"r1"}, started, {}).what).run, RunId{"r1"});
  started.flags = 0;
  EXPECT_EQ(std::get<StartJob>(job_of({"r1"}, started, {}).what).run, RunId{});
}

}  // namespace
}  // namespace agentcmd::engine
