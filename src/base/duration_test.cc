#include "base/duration.h"

#include <gtest/gtest.h>

namespace agentcmd {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsWhatUsersWrite) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("1h 30m").value(), 90min);
  EXPECT_EQ(parse_duration("2 days").value(), 48h);
  EXPECT_EQ(parse_duration("PT1H30M").value(), 90min);
  EXPECT_EQ(parse_duration("P1DT1S").value(), 24h + 1s);
  EXPECT_EQ(parse_duration("1500").value(), 1500ms);
}

TEST(Duration, RefusesWhatIsNotADuration) {
  for (const auto* text :
       {"", " ", "soon", "-5s", "5 parsecs", "P", "PT", "1h 30", "200y", "99999w"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, IsFormattedForPeople) {
  EXPECT_EQ(format_duration(3ms), "3 ms");
  EXPECT_EQ(format_duration(1234ms), "1.2 s");
  EXPECT_EQ(format_duration(245s), "4m 05s");
  EXPECT_EQ(format_duration(123min), "2h 03m");
}

}  // namespace
}  // namespace agentcmd
