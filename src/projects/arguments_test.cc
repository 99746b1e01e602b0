#include "projects/arguments.h"

#include <gtest/gtest.h>

namespace agentcmd::projects {
namespace {

const JsonText schema{R"({
  "type": "object",
  "properties": {
    "feature": {"type": "string"},
    "tries": {"type": "number", "default": 1},
    "count": {"type": "integer"},
    "dry": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "sizes": {"type": "array", "items": {"type": "integer"}},
    "either": {"type": ["integer", "string"]}
  }
})"};

Result<JsonText> with_pairs(std::vector<std::string> pairs) {
  return make_arguments(schema, {std::nullopt, std::move(pairs)});
}

Json value_of(const Result<JsonText>& made) {
  EXPECT_TRUE(made) << made.error().message;
  return made ? Json::parse(made->text) : Json();
}

std::string error_of(const Result<JsonText>& made) {
  return made ? "no error: " + made->text : made.error().message;
}

TEST(Arguments, PairsAreConvertedByTheTypeOfTheSchema) {
  const auto args = value_of(with_pairs(
      {"feature=12", "tries=2.5", "count=-7", "dry=yes", R"(tags=["a","b"])", "either=5"}));
  EXPECT_EQ(args, Json::parse(R"({"feature": "12", "tries": 2.5, "count": -7, "dry": true,
                                  "tags": ["a", "b"], "either": 5})"));
}

TEST(Arguments, AStringThatMayBeAnotherTypeStaysAStringWhenItMust) {
  EXPECT_EQ(value_of(with_pairs({"either=five"}))["either"], Json("five"));
}

TEST(Arguments, AListIsGivenItemByItemOrAsJson) {
  EXPECT_EQ(value_of(with_pairs({"tags=x"}))["tags"], Json::parse(R"(["x"])"));
  EXPECT_EQ(value_of(with_pairs({"tags=x", "dry=no", "tags=y"}))["tags"],
            Json::parse(R"(["x", "y"])"));
  EXPECT_EQ(value_of(with_pairs({"sizes=1", "sizes=[2, 3]"}))["sizes"], Json::parse("[1, 2, 3]"));
  EXPECT_EQ(value_of(with_pairs({"tags=[]"}))["tags"], Json::array());
}

TEST(Arguments, AnItemThatDoesNotFitIsNamedByItsPlace) {
  EXPECT_NE(error_of(with_pairs({"sizes=1", "sizes=big"}))
                .find("args.sizes[1]: expected a whole number, got 'big'"),
            std::string::npos);
}

TEST(Arguments, HalfOfAListIsNoItem) {
  EXPECT_NE(error_of(with_pairs({R"(tags=["a",)"})).find("not valid JSON"), std::string::npos);
}

TEST(Arguments, AValueMayContainEqualsSignsAndBeEmpty) {
  EXPECT_EQ(value_of(with_pairs({"feature=a=b"}))["feature"], Json("a=b"));
  EXPECT_EQ(value_of(with_pairs({"feature="}))["feature"], Json(""));
}

TEST(Arguments, DefaultsAreFilledIn) {
  EXPECT_EQ(value_of(with_pairs({}))["tries"], Json(1));
}

TEST(Arguments, PairsWinOverTheJsonText) {
  const auto made = make_arguments(schema, {R"({"feature": "a", "tries": 3})", {"tries=4"}});
  EXPECT_EQ(value_of(made), Json::parse(R"({"feature": "a", "tries": 4})"));
}

TEST(Arguments, TextThatNeedsNoAdditionIsKeptByteForByte) {
  const std::string typed = R"({ "tries": 123456789012345678901234567890 })";
  EXPECT_EQ(make_arguments(schema, {typed, {}})->text, typed);
}

TEST(Arguments, AllErrorsAreListed) {
  const auto text = error_of(with_pairs({"tries=x", "count=1.5", "fature=y", "oops"}));
  EXPECT_NE(text.find("args.tries: expected a number, got 'x'"), std::string::npos) << text;
  EXPECT_NE(text.find("args.count: expected a whole number, got '1.5'"), std::string::npos);
  EXPECT_NE(text.find("args.fature: there is no such argument. Did you mean 'feature'?"),
            std::string::npos);
  EXPECT_NE(text.find("--arg oops: expected KEY=VALUE"), std::string::npos);
}

TEST(Arguments, AValueThatWasRefusedIsNotAlsoCalledMissing) {
  const JsonText required{R"({"properties": {"n": {"type": "number"}}, "required": ["n"]})"};
  EXPECT_EQ(error_of(make_arguments(required, {std::nullopt, {"n=x"}})),
            "the arguments do not fit:\n  args.n: expected a number, got 'x'");
}

TEST(Arguments, UnknownArgumentsPassWhereTheSchemaWelcomesThem) {
  const JsonText open{R"({"properties": {"a": {}}, "additionalProperties": true})"};
  EXPECT_EQ(value_of(make_arguments(open, {std::nullopt, {"b=1"}}))["b"], Json(1));
  EXPECT_EQ(value_of(make_arguments(std::nullopt, {std::nullopt, {"b=text"}}))["b"], Json("text"));
}

TEST(Arguments, TheTextMustBeAnObject) {
  EXPECT_TRUE(error_of(make_arguments(schema, {"[1]", {}})).starts_with("--args: expected a JSON"));
  EXPECT_NE(error_of(make_arguments(schema, {"{", {}})).find("not valid JSON at line 1"),
            std::string::npos);
}

TEST(Arguments, BytesThatAreNotTextAreReplaced) {
  EXPECT_EQ(value_of(with_pairs({"feature=a\xff"}))["feature"], Json("a\xef\xbf\xbd"));
}

}  // namespace
}  // namespace agentcmd::projects
