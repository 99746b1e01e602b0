#include "base/text.h"

#include <gtest/gtest.h>

namespace agentcmd {
namespace {

TEST(Text, InvalidUtf8IsReplacedAndValidTextKept) {
  EXPECT_EQ(to_utf8("größe 😀"), "größe 😀");
  EXPECT_EQ(to_utf8("a\xff"
                    "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(to_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(to_utf8("x\xe2\x82"), "x\xef\xbf\xbd\xef\xbf\xbd");                // cut short
}

TEST(Text, WhatIsNotUtf8IsFoundAtEveryPlaceOfALongText) {
  for (std::size_t before = 0; before < 20; ++before) {
    const std::string ascii(before, 'a');
    for (std::size_t after = 0; after < 20; ++after) {
      const std::string more(after, 'b');
      EXPECT_EQ(to_utf8(ascii + "\xff" + more), ascii + "\xef\xbf\xbd" + more);
      EXPECT_EQ(to_utf8(ascii + "ß" + more + "😀"), ascii + "ß" + more + "😀");
    }
  }
}

TEST(Text, EllipsisCutsAtCharacterBorders) {
  EXPECT_EQ(ellipsis("abc", 3), "abc");
  EXPECT_EQ(ellipsis("aä", 2), "a…");
}

TEST(Text, ShellQuotingSurvivesQuotes) {
  EXPECT_EQ(shell_quoted("plain/path.txt"), "plain/path.txt");
  EXPECT_EQ(shell_quoted("it's here"), "'it'\\''s here'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(Text, SplitAndTrim) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(trim(" \n a b \t"), "a b");
}

}  // namespace
}  // namespace agentcmd
