#include "script/source_map.h"

#include <gtest/gtest.h>

namespace agentcmd::script {
namespace {

// Two lines of the bundle. The first: column 0 is a.ts:1:1, column 8 is b.ts:5:3. The second:
// column 4 is b.ts:4:3.
constexpr std::string_view map_json =
    R"({"version":3,"sources":["a.ts","b.ts"],"names":["n"],"mappings":"AAAA,QCIEA;IADA"})";

std::string found(const SourceMap& map, int line, int column) {
  const auto place = map.find(line, column);
  if (!place) return "nothing";
  return place->file + ":" + std::to_string(place->line) + ":" + std::to_string(place->column);
}

TEST(SourceMap, TheSegmentBeforeAPlaceTellsWhereItCameFrom) {
  const SourceMap map(map_json);
  EXPECT_EQ(found(map, 1, 1), "a.ts:1:1");
  EXPECT_EQ(found(map, 1, 8), "a.ts:1:1");
  EXPECT_EQ(found(map, 1, 9), "b.ts:5:3");
  EXPECT_EQ(found(map, 1, 900), "b.ts:5:3");
  EXPECT_EQ(found(map, 2, 0), "b.ts:4:3");
  EXPECT_EQ(found(map, 3, 1), "nothing");
}

TEST(SourceMap, DamagedMapsKnowNoPlace) {
  for (const char* json :
       {"", "{}", "[]", R"({"sources":3})", R"({"sources":[],"mappings":"AAAA"})",
        R"({"sources":["a"],"mappings":"A!!,,zzzzzzzzzzzzzzz;;"})"}) {
    EXPECT_EQ(found(SourceMap(json), 2, 1), "nothing") << json;
  }
}

TEST(SourceMap, StacksNameTheUsersFramesOnly) {
  const SourceMap map(map_json);
  const std::string stack =
      "inner@agentcmd:workflow:2:1\n"
      "map@[native code]\n"
      "deliver@agentcmd:sdk:1:400\n"
      "global code@agentcmd:workflow:2:9\n"
      "@agentcmd:workflow:3:5";
  EXPECT_EQ(map_stack(map, stack), "at inner (a.ts:1:1)\nat b.ts:5:3\nat b.ts:4:3");
}

TEST(SourceMap, BacktracesAreStacksWithoutColumns) {
  const SourceMap map(map_json);
  const std::string stack =
      "#0 spin() at agentcmd:workflow:3\n#1 test() at [native code]\n#2 run() at agentcmd:sdk:1";
  EXPECT_EQ(map_stack(map, stack), "at spin (b.ts:4:3)");
}

TEST(SourceMap, AnAsyncFunctionStandsInABacktraceOnce) {
  const SourceMap map(map_json);
  const std::string stack =
      "#0 () at agentcmd:workflow:3\n#1 asyncFunctionResume() at :1\n"
      "#2 () at agentcmd:workflow:2\n#3 () at agentcmd:sdk:28";
  EXPECT_EQ(map_stack(map, stack), "at b.ts:4:3");
}

}  // namespace
}  // namespace agentcmd::script
