#include "runtime/slots.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using Kind = Slots::Kind;

TEST(Slots, FirstComeFirstServed) {
  Slots slots(1, 1);
  std::string order;
  EXPECT_TRUE(slots.try_take(Kind::agent));
  slots.wait(Kind::agent, [&] { order += 'a'; });
  slots.wait(Kind::agent, [&] { order += 'b'; });
  slots.release(Kind::agent);
  EXPECT_EQ(order, "a");
  slots.release(Kind::agent);
  EXPECT_EQ(order, "ab");
}

TEST(Slots, NobodyOvertakesOneWhoWaits) {
  Slots slots(0, 1);
  slots.wait(Kind::agent, [] {});
  EXPECT_FALSE(slots.try_take(Kind::agent));
  EXPECT_TRUE(slots.try_take(Kind::command));
}

TEST(Slots, OneWhoLeftIsNotServed) {
  Slots slots(1, 1);
  EXPECT_TRUE(slots.try_take(Kind::agent));
  bool granted = false;
  slots.leave(slots.wait(Kind::agent, [&] { granted = true; }));
  slots.release(Kind::agent);
  EXPECT_FALSE(granted);
  EXPECT_TRUE(slots.try_take(Kind::agent));
}

TEST(Slots, WhatRunsAlreadyCountsBeyondTheLimit) {
  Slots slots(1, 1);
  slots.take(Kind::agent);
  slots.take(Kind::agent);
  slots.release(Kind::agent);
  EXPECT_FALSE(slots.try_take(Kind::agent));
  slots.release(Kind::agent);
  EXPECT_TRUE(slots.try_take(Kind::agent));
}

TEST(Slots, StepsWithoutALimitAlwaysStart) {
  Slots slots(0, 0);
  EXPECT_TRUE(slots.try_take(Kind::none));
}

}  // namespace
}  // namespace agentcmd::runtime
