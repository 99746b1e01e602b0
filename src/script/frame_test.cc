#include "script/frame.h"

#include "base/fault.h"
#include "script/json_slice.h"

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

TEST(JsonSlice, MembersAndElementsAreFoundWithoutParsingThem) {
  const std::string text =
      R"({"t":"x","s":"a\"}\\","n":-1.5e3,"o":{"s":"no","a":[1,{}]},"last":[1,"]",[2]]})";
  EXPECT_EQ(member(text, "t"), "\"x\"");
  EXPECT_EQ(unquote(member(text, "s")), "a\"}\\");
  EXPECT_EQ(member(text, "n"), "-1.5e3");
  EXPECT_EQ(member(text, "o"), R"({"s":"no","a":[1,{}]})");
  EXPECT_FALSE(find_member(text, "missing"));
  std::vector<std::string> elements;
  for_each_element(member(text, "last"), [&](std::string_view e) { elements.emplace_back(e); });
  EXPECT_EQ(elements, (std::vector<std::string>{"1", "\"]\"", "[2]"}));
}

TEST(JsonSlice, MalformedTextIsAFault) {
  for (const char* text :
       {"", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "[1]", "{\"a\":\"\\"}) {
    EXPECT_THROW(find_member(text, "b"), Fault) << text;
  }
}

TEST(JsonSlice, QuotedTextComesBack) {
  for (const std::string text : {"", "plain", "a\"b\\c", "line\nend\x01", "äöü €"}) {
    EXPECT_EQ(unquote(quote(text)), text);
  }
}

}  // namespace
}  // namespace agentcmd::script
