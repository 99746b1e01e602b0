#include "base/json.h"

#include "base/limits.h"

#include <gtest/gtest.h>

namespace agentcmd {
namespace {

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(to_text(parse_json(R"({"b":1,"a":2})", "x").value()), R"({"b":1,"a":2})");
}

TEST(Json, ErrorNamesSourceLineAndColumn) {
  const auto parsed = parse_json("{\n  \"a\": nope\n}", "--args");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "--args: not valid JSON at line 2, column 9");
}

TEST(Json, NestingHasALimit) {
  const std::string deep(static_cast<std::size_t>(limits::json_depth_max) + 10, '[');
  EXPECT_FALSE(parse_json(deep + std::string(deep.size(), ']'), "x"));
}

TEST(Json, NestingIsCountedOutsideOfTextsOnly) {
  const auto text = "[\"\\\"" + std::string(1000, '[') + "\", {\"}}\\\\\": 1}]";
  EXPECT_TRUE(parse_json(text, "x")) << text;
  const std::string deepest(static_cast<std::size_t>(limits::json_depth_max), '[');
  EXPECT_TRUE(parse_json(deepest + std::string(deepest.size(), ']'), "x"));
}

// A parser that looks at all of the list for each object in it is not done for minutes.
TEST(Json, AListOfManyObjectsIsReadInLinearTime) {
  constexpr std::size_t count = 200'000;
  std::string text = "[{}";
  for (std::size_t i = 1; i < count; ++i) text += ",{}";
  EXPECT_EQ(parse_json(text + "]", "x").value().size(), count);
}

TEST(Json, ValidatedTextKeepsItsBytes) {
  const std::string text = R"({ "n": 123456789012345678901234567890 })";
  EXPECT_EQ(validate_json(text, "x").value().text, text);
}

TEST(Json, BytesThatAreNotUtf8ArePrintedAsReplacement) {
  EXPECT_EQ(to_text(Json("a\xff")), "\"a\xef\xbf\xbd\"");
}

TEST(Json, TheOrderOfMembersIsNoDifferenceOfValues) {
  const auto one = parse_json(R"({"a":[1,2],"b":{"c":1,"d":2}})", "one").value();
  EXPECT_TRUE(same_value(one, parse_json(R"({"b":{"d":2,"c":1},"a":[1,2]})", "other").value()));
  EXPECT_FALSE(same_value(one, parse_json(R"({"b":{"d":2,"c":1},"a":[2,1]})", "other").value()));
}

}  // namespace
}  // namespace agentcmd
