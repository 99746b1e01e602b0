#include "cli/text_width.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

TEST(TextWidth, WideAndCombiningCharactersCountAsTheyShow) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("é"), 1u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);
  EXPECT_EQ(display_width("日本"), 4u);
}

TEST(TextWidth, CutTextEndsInAnEllipsisAndFits) {
  EXPECT_EQ(cut_to_width("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to_width("abcdefg", 6), "abcde…");
  EXPECT_EQ(cut_to_width("日本語", 4), "日…");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(TextWidth, PrintableDropsEscapesAndControls) {
  EXPECT_EQ(printable("\x1b[31mred\x1b[0m"), "red");
  EXPECT_EQ(printable("\x1b]0;title\x07text"), "text");
  EXPECT_EQ(printable("\x1b]8;;url\x1b\\link"), "link");
  EXPECT_EQ(printable("a\bb\x7f"), "ab");
  EXPECT_EQ(printable("a\tb"), "a    b");
  EXPECT_EQ(printable("cut \x1b["), "cut ");
  EXPECT_EQ(printable("cut \x1b"), "cut ");
}

TEST(TextWidth, PrintableKeepsWhatACarriageReturnLeaves) {
  EXPECT_EQ(printable("10%\r20%\r"), "20%");
}

TEST(TextWidth, PrintableMakesForeignBytesText) {
  EXPECT_EQ(printable("a\xff"), "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace agentcmd::cli
