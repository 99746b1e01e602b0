#include "engine/timeouts.h"

#include "engine/decide.h"
#include "engine/run_state.h"

#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace history;
using namespace std::chrono_literals;

const StepKey key{"build"};

// A run whose step asks for `options`; each call of at() says how late what follows is recorded.
class Scene {
 public:
  explicit Scene(std::string options, std::string type = "cli", std::uint64_t timeout = 0) {
    record(0s, RunCreated{.timeout = timeout});
    record(0s, RunStarted{});
    record(0s, StepScheduled{.key = key,
                             .type = std::move(type),
                             .input = {R"({"config":{},"options":)" + std::move(options) + "}"}});
  }
  Scene& record(Milliseconds at, Detail detail) {
    for (const auto& event : number(state, Time(at), {std::move(detail)})) state.apply(event);
    return *this;
  }
  std::optional<StepDeadline> deadline() const { return deadline_of(state.steps.at(key)); }

  RunState state;
};

TEST(Timeouts, AStepThatAsksForNoneHasNone) {
  EXPECT_FALSE(Scene("{}").deadline());
  EXPECT_FALSE(Scene(R"({"queueTimeout":"soon","totalTimeout":-1})").deadline());
}

TEST(Timeouts, AStepMayWaitForASlotOnlySoLong) {
  Scene run(R"({"queueTimeout":5000})");
  ASSERT_TRUE(run.deadline());
  EXPECT_EQ(run.deadline()->which, "queue");
  EXPECT_EQ(run.deadline()->at, Time(5s));
  EXPECT_FALSE(run.record(1s, StepStarted{key}).deadline()) << "it has its slot";
}

TEST(Timeouts, TheWaitBeforeARetryIsNoWaitForASlot) {
  Scene run(R"({"queueTimeout":5000})");
  run.record(1s, StepStarted{key});
  run.record(2s, StepFailed{.key = key, .failure = {}, .retry = true, .retry_at = Time(60s)});
  EXPECT_EQ(run.deadline()->at, Time(65s));
}

TEST(Timeouts, TheTotalIsThatOfAllAttempts) {
  Scene run(R"({"totalTimeout":30000})");
  run.record(1s, StepStarted{key});
  run.record(20s, StepFailed{.key = key, .failure = {.message = "no"}, .retry = true});
  run.record(21s, StepStarted{key, 2});
  ASSERT_TRUE(run.deadline());
  EXPECT_EQ(run.deadline()->which, "total");
  EXPECT_EQ(run.deadline()->at, Time(30s));
}

TEST(Timeouts, AnAttemptsIsEnforcedHereForClosuresOnly) {
  EXPECT_FALSE(Scene(R"({"timeout":1000})").record(1s, StepStarted{key}).deadline());
  Scene run(R"({"timeout":1000})", "run");
  EXPECT_FALSE(run.deadline()) << "it has not begun";
  EXPECT_EQ(run.record(7s, StepStarted{key}).deadline()->at, Time(8s));
}

TEST(Timeouts, TimeThatTheRunWasPausedDoesNotCount) {
  Scene run(R"({"totalTimeout":30000})", "cli", 100'000);
  run.record(10s, RunPaused{.reason = "asked"});
  run.record(3600s, RunResumed{});
  EXPECT_EQ(run.deadline()->at, Time(3620s));
  EXPECT_EQ(deadline_of(run.state), Time(3690s));
}

TEST(Timeouts, ALostStepWaitsForPeopleAndNotForASlot) {
  Scene run(R"({"queueTimeout":5000})");
  run.record(1s, StepStarted{key});
  run.record(2s, StepLost{.key = key, .policy = "ask"});
  EXPECT_FALSE(run.deadline());
}

TEST(Timeouts, TheFailureNamesWhichHowLongAndWhatWasSeen) {
  Scene run(R"({"totalTimeout":30000})");
  run.record(1s, StepStarted{key});
  run.record(2s, StepFailed{.key = key, .failure = {.message = "no route"}, .retry = true});
  run.record(3s, StepStarted{key, 2});
  const auto failure = timeout_failure(key, run.state.steps.at(key), "total");
  EXPECT_EQ(failure.name, "TimeoutError");
  EXPECT_EQ(failure.timeout, "total");
  EXPECT_TRUE(failure.final);
  EXPECT_EQ(failure.message,
            "step 'build' exceeded its total timeout of 30.0 s: attempt 2 was running; the last "
            "error was: no route");
}

TEST(Timeouts, ARunThatIsCancelledOrWithoutATimeoutHasNoDeadline) {
  EXPECT_FALSE(deadline_of(Scene("{}").state));
  Scene run("{}", "cli", 60'000);
  EXPECT_EQ(deadline_of(run.state), Time(60s));
  EXPECT_FALSE(deadline_of(run.record(1s, RunCancelRequested{}).state));
}

}  // namespace
}  // namespace agentcmd::engine
