#include "cli/moment.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

TEST(Moment, DaysAndTimesOfDayAreReadInUtc) {
  EXPECT_EQ(to_iso8601(parse_moment("2026-03-01").value()), "2026-03-01T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(parse_moment("2026-03-01T09:30").value()), "2026-03-01T09:30:00.000Z");
  EXPECT_EQ(to_iso8601(parse_moment("2024-02-29T23:59:58Z").value()), "2024-02-29T23:59:58.000Z");
}

TEST(Moment, WhatIsNoMomentIsRefused) {
  for (const auto* text :
       {"", "today", "2026-3-1", "2026-02-30", "2026-03-01 09:30", "2026-03-01T24:00",
        "2026-03-01T09", "2026-03-01T09:30:61", "2026-03-01T09:30+02:00", "-026-03-01"}) {
    EXPECT_FALSE(parse_moment(text)) << text;
  }
}

}  // namespace
}  // namespace agentcmd::cli
