#include "engine/retry.h"

#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace std::chrono_literals;

const JsonText plain{R"({"config":{},"options":{}})"};

TEST(Retry, DefaultsAreThreeAttemptsAfterOneAndTwoSeconds) {
  const auto policy = retry_policy("run", plain);
  EXPECT_EQ(wait_before_retry(policy, {.name = "Error"}, 1), 1000ms);
  EXPECT_EQ(wait_before_retry(policy, {.name = "Error"}, 2), 2000ms);
  EXPECT_EQ(wait_before_retry(policy, {.name = "Error"}, 3), std::nullopt);
  EXPECT_FALSE(policy.pause);
}

TEST(Retry, TheWaitGrowsToItsLongest) {
  const RetryPolicy policy{.attempts = 100};
  EXPECT_EQ(wait_before_retry(policy, {}, 7), 60'000ms);
  EXPECT_EQ(wait_before_retry(policy, {}, 99), 60'000ms);
}

TEST(Retry, AFinalErrorOrANamedOneIsNotTriedAgain) {
  const auto policy = retry_policy("run", {R"({"options":{"retry":{"nonRetryable":["Denied"]}}})"});
  EXPECT_EQ(wait_before_retry(policy, {.name = "Denied"}, 1), std::nullopt);
  EXPECT_EQ(wait_before_retry(policy, {.name = "Error", .final = true}, 1), std::nullopt);
  EXPECT_TRUE(wait_before_retry(policy, {.name = "Other"}, 1));
}

TEST(Retry, JitterMovesTheWaitByAtMostItsShare) {
  const auto policy = retry_policy("run", {R"({"options":{"retry":{"jitter":0.2}}})"});
  EXPECT_EQ(wait_before_retry(policy, {}, 1, 0), 800ms);
  EXPECT_EQ(wait_before_retry(policy, {}, 1, 0.5), 1000ms);
  EXPECT_EQ(wait_before_retry(policy, {}, 1, 0.999), 1199ms);
}

TEST(Retry, ChanceIsTheSameForTheSameWaitAndElseAnother) {
  const history::StepKey key{"a"};
  EXPECT_EQ(chance_of(7, key, 1), chance_of(7, key, 1));
  EXPECT_NE(chance_of(7, key, 1), chance_of(8, key, 1));
  EXPECT_NE(chance_of(7, key, 1), chance_of(7, key, 2));
  EXPECT_NE(chance_of(7, key, 1), chance_of(7, {"b"}, 1));
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto chance = chance_of(seed, key, 1);
    EXPECT_TRUE(chance >= 0 && chance < 1) << chance;
  }
}

TEST(Retry, AnErrorMayAskForItsOwnWait) {
  EXPECT_EQ(wait_before_retry({}, {.retry_after = 90'000}, 1), 90'000ms);
}

TEST(Retry, AnAgentThatFailsForGoodPausesTheRunUnlessToldOtherwise) {
  EXPECT_TRUE(retry_policy("agent", plain).pause);
  EXPECT_FALSE(retry_policy("agent", {R"({"options":{"onExhausted":"throw"}})"}).pause);
  EXPECT_TRUE(retry_policy("run", {R"({"options":{"onExhausted":"pause"}})"}).pause);
}

TEST(Retry, WhatDoesNotFitIsNotSaid) {
  const auto policy = retry_policy(
      "run", {R"({"options":{"retry":{"attempts":-4,"initial":"soon","factor":0,"max":-1}}})"});
  EXPECT_EQ(policy.attempts, 1U);
  EXPECT_EQ(policy.initial, 1000ms);
  EXPECT_EQ(policy.factor, 1);
  EXPECT_EQ(policy.max, 0ms);
}

}  // namespace
}  // namespace agentcmd::engine
