#include "script/loop_line.h"

#include <gtest/gtest.h>

namespace agentcmd::script {
namespace {

constexpr std::string_view source =
    "var x = defineWorkflow({ id: \"x\" }, async () => {\n"  // 1
    "  const n = 0;\n"
    "  for (; ; ) {\n"  // 3
    "  }\n"
    "});\n"
    "function busy(all) {\n"  // 6
    "  while (true) {\n"
    "    all.push(1);\n"
    "  }\n"
    "}\n"
    "function after() {\n"  // 11
    "  const n = busy([]);\n"
    "  while (true) {\n"
    "  }\n"
    "}\n"
    "function deep() {\n"  // 16
    "  deep();\n"
    "}\n"
    "for (; ; ) {\n"
    "}\n";

TEST(LoopLine, ALoopThatKnowsNoLineIsTheFirstOneOfItsBlock) {
  EXPECT_EQ(loop_line(source, 1), 3);
  EXPECT_EQ(loop_line(source, 12), 13);
}

TEST(LoopLine, ALineInALoopAndOneWithoutAnyStay) {
  EXPECT_EQ(loop_line(source, 8), 8);
  EXPECT_EQ(loop_line(source, 17), 17);
  EXPECT_EQ(loop_line(source, 19), 19);
  EXPECT_EQ(loop_line(source, 900), 900);
  EXPECT_EQ(loop_line("", 1), 1);
}

TEST(LoopLine, OnlyATopmostFrameOfTheWorkflowIsMoved) {
  EXPECT_EQ(at_loop(source, "#0 () at agentcmd:workflow:2\n#1 () at agentcmd:workflow:7"),
            "#0 () at agentcmd:workflow:4\n#1 () at agentcmd:workflow:7");
  EXPECT_EQ(at_loop(source, "#0 test() at [native code]\n#1 () at agentcmd:workflow:2"),
            "#0 test() at [native code]\n#1 () at agentcmd:workflow:2");
  EXPECT_EQ(at_loop(source, ""), "");
}

}  // namespace
}  // namespace agentcmd::script
