#include "script/frame.h"

#include "base/fault.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace agentcmd::script {
namespace {

void feed(FrameReader& reader, std::string_view bytes) {
  const auto space = reader.prepare(bytes.size());
  std::ranges::copy(bytes, space.begin());
  reader.commit(bytes.size());
}

TEST(Frame, FramesComeOutWholeHoweverTheyArrive) {
  std::string bytes;
  append_frame(bytes, "one");
  append_frame(bytes, "");
  append_frame(bytes, std::string(70000, 'x'));
  for (const std::size_t piece : {1UL, 3UL, 1000UL, bytes.size()}) {
    FrameReader reader;
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      feed(reader, std::string_view(bytes).substr(at, piece));
      while (const auto frame = reader.next()) frames.emplace_back(*frame);
    }
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0], "one");
    EXPECT_EQ(frames[1], "");
    EXPECT_EQ(frames[2].size(), 70000U);
  }
}

TEST(Frame, ALengthOverTheLimitIsRefusedBeforeAnythingIsAllocated) {
  FrameReader reader;
  feed(reader, "\xFF\xFF\xFF\xFF");
  EXPECT_THROW(reader.next(), Fault);
}

}  // namespace
}  // namespace agentcmd::script
