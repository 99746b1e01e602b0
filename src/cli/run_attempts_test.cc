#include "cli/run_attempts.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

using namespace history;
using namespace std::chrono_literals;

const StepKey key{"a"};

class RunAttemptsTest : public testing::Test {
 protected:
  void record(Milliseconds at, Detail detail) {
    attempts.apply({.seq = ++seq, .at = Time(at), .detail = std::move(detail)});
  }

  RunAttempts attempts;
  std::uint64_t seq = 0;
};

TEST_F(RunAttemptsTest, EachAttemptKeepsItsCauseAndTimes) {
  record(1s, StepStarted{key});
  record(3s,
         StepFailed{.key = key, .failure = {.message = "no"}, .retry = true, .retry_at = Time(4s)});
  record(4s, StepStarted{key, 2});
  record(9s, StepTimedOut{.key = key, .attempt = 2, .failure = {.message = "late"}});
  ASSERT_EQ(attempts.of(key).size(), 2U);
  EXPECT_EQ(describe(attempts.of(key)[0]), "attempt 1  failed after 2.0 s, tried again: no");
  EXPECT_EQ(describe(attempts.of(key)[1]), "attempt 2  timed_out after 5.0 s: late");
  const auto json = to_json(attempts.of(key)[0], key, "/nowhere");
  EXPECT_EQ(json["duration_ms"], 2000);
  EXPECT_EQ(json["cause"], "no");
  EXPECT_TRUE(json["logs"].is_null());
}

TEST_F(RunAttemptsTest, ALostAttemptMayBeFoundDone) {
  record(1s, StepStarted{key});
  record(3s, StepLost{.key = key, .reason = "gone", .policy = "probe"});
  EXPECT_EQ(attempts.of(key)[0].outcome, "lost");
  record(4s, StepCompleted{.key = key});
  EXPECT_EQ(attempts.of(key)[0].outcome, "completed");
  EXPECT_EQ(attempts.of(key)[0].cause, "lost, and found done by its probe");
}

TEST_F(RunAttemptsTest, AStepThatTimesOutBetweenAttemptsLeavesTheLastAsItWas) {
  record(1s, StepStarted{key});
  record(2s, StepFailed{.key = key, .failure = {.message = "no"}, .retry = true});
  record(9s, StepTimedOut{.key = key, .failure = {.message = "total"}});
  ASSERT_EQ(attempts.of(key).size(), 1U);
  EXPECT_EQ(attempts.of(key)[0].cause, "no");
}

TEST_F(RunAttemptsTest, AStepThatNeverBeganHasNone) {
  record(1s, StepTimedOut{.key = key, .failure = {.message = "queue"}});
  EXPECT_TRUE(attempts.of(key).empty());
}

}  // namespace
}  // namespace agentcmd::cli
