#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace agentcmd {
namespace {

TEST(Bytes, AreShownWithTheUnitThatLeavesFewDigits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(1540), "1.5 kB");
  EXPECT_EQ(format_bytes(34'400'000), "34 MB");
  EXPECT_EQ(format_bytes(999'999), "1.0 MB");
  EXPECT_EQ(format_bytes(2'100'000'000), "2.1 GB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "18447 PB");
}

}  // namespace
}  // namespace agentcmd
