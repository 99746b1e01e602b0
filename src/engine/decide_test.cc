#include "engine/decide.h"

#include "base/fault.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace history;

bool always(const std::string&) {
  return true;
}
bool never(const std::string&) {
  return false;
}

RunState state_after(std::vector<Detail> details) {
  RunState state;
  for (const auto& event : number(state, Time{}, std::move(details))) state.apply(event);
  return state;
}

const ScheduleStep cli{.key = {"build"}, .type = "cli", .name = "Build", .input = {"{}"}};

template <typename Kind>
std::size_t count(const Decision& decision) {
  return static_cast<std::size_t>(std::ranges::count_if(
      decision.details, [](const Detail& detail) { return std::holds_alternative<Kind>(detail); }));
}

TEST(Decide, AStepStartsInTheSameCommitWhenThereIsASlot) {
  const auto decision = decide(state_after({RunCreated{}}), {cli}, always);
  EXPECT_EQ(count<StepScheduled>(decision), 1U);
  EXPECT_EQ(count<StepStarted>(decision), 1U);
}

TEST(Decide, AStepWithoutASlotIsScheduledOnly) {
  const auto decision = decide(state_after({RunCreated{}}), {cli}, never);
  EXPECT_EQ(count<StepScheduled>(decision), 1U);
  EXPECT_EQ(count<StepStarted>(decision), 0U);
}

TEST(Decide, AClosureNeedsNoSlot) {
  const auto decision =
      decide(state_after({RunCreated{}}), {ScheduleStep{.key = {"sum"}, .type = "run"}}, never);
  EXPECT_EQ(count<StepStarted>(decision), 1U);
}

TEST(Decide, CancellingARunningProcessStopsItFirst) {
  const auto state = state_after(
      {RunCreated{}, StepScheduled{.key = {"build"}, .type = "cli"}, StepStarted{{"build"}, 1}});
  const auto decision = decide(state, {CancelStep{{"build"}}, CancelStep{{"build"}}}, always);
  EXPECT_EQ(decision.stop, std::vector<StepKey>{{"build"}});
  EXPECT_EQ(count<StepCancelled>(decision), 0U);
}

TEST(Decide, CancellingWhatHasNotBegunIsOverAtOnce) {
  const auto decision = decide(state_after({RunCreated{}}), {cli, CancelStep{cli.key}}, never);
  EXPECT_EQ(count<StepCancelled>(decision), 1U);
  EXPECT_TRUE(decision.stop.empty());
}

TEST(Decide, CancellingWhatHasEndedIsNothing) {
  EXPECT_TRUE(decide(state_after({RunCreated{}}), {CancelStep{{"gone"}}}, always).details.empty());
}

TEST(Decide, TheEndTakesEverythingOpenWithIt) {
  const auto state =
      state_after({RunCreated{}, StepScheduled{.key = {"a"}, .type = "cli"}, StepStarted{{"a"}, 1},
                   StepScheduled{.key = {"b"}, .type = "cli"}, TimerStarted{.key = {"t"}}});
  const auto decision = decide(state, {StartTimer{.key = {"u"}}, CompleteRun{{"1"}}}, always);
  EXPECT_EQ(decision.stop, std::vector<StepKey>{{"a"}});
  EXPECT_EQ(count<StepCancelled>(decision), 1U);
  EXPECT_EQ(count<TimerCancelled>(decision), 2U);
  EXPECT_EQ(count<RunCompleted>(decision), 0U) << "only once no attempt is running";
  EXPECT_TRUE(decision.ending);
}

TEST(Decide, ATimerIsCancelledOnce) {
  const auto state = state_after({RunCreated{}, TimerStarted{.key = {"t"}}});
  const auto decision =
      decide(state, {CancelTimer{{"t"}}, CancelTimer{{"t"}}, CompleteRun{{"1"}}}, always);
  EXPECT_EQ(count<TimerCancelled>(decision), 1U);
}

TEST(Decide, TheSameKeyTwiceIsABug) {
  EXPECT_THROW(decide(state_after({RunCreated{}}), {cli, cli}, always), Bug);
}

TEST(Decide, NotesAreKeptInOrder) {
  const auto decision = decide(state_after({RunCreated{}}),
                               {Note{PhaseStarted{.phase = "a"}}, cli, Note{Logged{}}}, always);
  EXPECT_TRUE(std::holds_alternative<PhaseStarted>(decision.details.front()));
  EXPECT_TRUE(std::holds_alternative<Logged>(decision.details.back()));
}

const StepScheduled policied{
    .key = {"a"},
    .type = "run",
    .input = {R"({"config":{},"options":{"retry":{"attempts":2,"initial":1000}}})"}};

// The only detail that an attempt's end leads to, if it is one.
template <typename Kind>
std::optional<Kind> only(const std::vector<Detail>& details) {
  if (details.size() != 1) return std::nullopt;
  const auto* found = std::get_if<Kind>(&details[0]);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

TEST(AfterFailure, ALossUsesUpNoAttemptOfThePolicy) {
  const auto state =
      state_after({RunCreated{}, policied, StepStarted{{"a"}, 1},
                   StepLost{.key = {"a"}, .attempt = 1, .policy = "retry"}, StepStarted{{"a"}, 2}});
  const auto next = only<StepFailed>(
      after_failure(state, Time{}, StepFailed{.key = {"a"}, .attempt = 2, .failure = {}}));
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->retry) << "it is the first failure of two";
  EXPECT_EQ(next->retry_at, Time(Milliseconds(1000)));
}

TEST(AfterFailure, ATimeoutIsTriedAgainOnlyWhereThePolicySaysSo) {
  const auto timed_out = [](const char* options, Failure failure) {
    auto step = policied;
    step.input = {fmt::format(R"({{"config":{{}},"options":{}}})", options)};
    return after_failure(state_after({RunCreated{}, step, StepStarted{{"a"}, 1}}), Time{},
                         StepTimedOut{.key = {"a"}, .failure = std::move(failure)});
  };
  EXPECT_TRUE(only<StepTimedOut>(timed_out(R"({"retry":{}})", {.timeout = "attempt"})));
  const auto again =
      only<StepFailed>(timed_out(R"({"retry":{"timeouts":true}})", {.timeout = "attempt"}));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->retry);
  EXPECT_EQ(again->failure.timeout, "attempt");
  EXPECT_TRUE(only<StepTimedOut>(
      timed_out(R"({"retry":{"timeouts":true}})", {.final = true, .timeout = "total"})))
      << "another attempt would have no time left";
}

}  // namespace
}  // namespace agentcmd::engine
