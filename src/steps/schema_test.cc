#include "steps/schema.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace agentcmd::steps {
namespace {

const Json& feature_schema() {
  static const auto& schema = *new Json(Json::parse(R"({
    "type": "object",
    "properties": {
      "feature": {"type": "string", "pattern": "^[a-z]+$"},
      "tries": {"type": "number", "default": 1, "minimum": 0},
      "level": {"enum": ["low", "high"]},
      "deep": {"type": "object", "properties": {"on": {"type": "boolean", "default": true}}},
      "list": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}
    },
    "required": ["feature"],
    "additionalProperties": false
  })"));
  return schema;
}

std::vector<std::string> violations_of(const char* value) {
  auto found = violations(feature_schema(), Json::parse(value), "args");
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : std::vector<std::string>{"unusable"};
}

TEST(Schema, AValueThatFitsHasNoViolations) {
  EXPECT_TRUE(violations_of(R"({"feature": "x", "tries": 2.5, "level": "low"})").empty());
}

TEST(Schema, AWrongTypeNamesPathAndBothTypes) {
  EXPECT_EQ(violations_of(R"({"feature": "x", "tries": "two"})"),
            std::vector<std::string>{"args.tries: expected number, got string"});
}

TEST(Schema, AMissingPropertyIsNamed) {
  EXPECT_EQ(violations_of("{}"), std::vector<std::string>{"args.feature: missing"});
}

TEST(Schema, EveryViolationIsListedOnce) {
  const auto found = violations_of(R"({"tries": true, "level": "medium"})");
  EXPECT_EQ(found.size(), 3u);
}

TEST(Schema, AnEnumListsWhatIsAllowed) {
  EXPECT_EQ(violations_of(R"({"feature": "x", "level": "medium"})"),
            std::vector<std::string>{R"(args.level: "medium" is not one of "low", "high")"});
}

TEST(Schema, PathsLeadIntoObjectsAndArrays) {
  EXPECT_EQ(violations_of(R"({"feature": "x", "deep": {"on": 1}})"),
            std::vector<std::string>{"args.deep.on: expected boolean, got integer"});
  EXPECT_EQ(violations_of(R"({"feature": "x", "list": [{}, {"name": null}]})"),
            std::vector<std::string>{"args.list[1].name: expected string, got null"});
}

TEST(Schema, UnknownPropertiesAreAllNamedWithSuggestions) {
  const auto found = violations_of(R"({"feature": "x", "tires": 1, "zzzzzz": 1})");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("'tires' is not known here. Did you mean 'tries'?"), std::string::npos);
  EXPECT_NE(found[0].find("'zzzzzz' is not known here."), std::string::npos);
}

TEST(Schema, LimitsAndPatternsReadAsWords) {
  EXPECT_EQ(violations_of(R"({"feature": "X1"})"),
            std::vector<std::string>{"args.feature: does not match the pattern ^[a-z]+$"});
  const auto found = violations_of(R"({"feature": "x", "tries": -1})");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("args.tries: expected number greater than or equal to 0"))
      << found[0];
}

TEST(Schema, ASchemaThatCannotBeUsedIsRefused) {
  const auto found = violations(Json::parse(R"({"type": "strnig"})"), Json("x"), "args");
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().message.starts_with("argsSchema cannot be used: "));
}

std::string flaw_of(const char* schema) {
  const auto checked = check_schema(Json::parse(schema));
  return checked ? "" : checked.error().message;
}

TEST(Schema, WhatIsWrongWithASchemaIsSaidWithItsPlace) {
  EXPECT_EQ(flaw_of(R"({"type": 12})"),
            "argsSchema.type: 12 is not the name of a type (string, number, integer, boolean, "
            "object, array, null)");
  EXPECT_TRUE(flaw_of(R"({"properties": {"n": {"items": {"type": ["string", "nil"]}}}})")
                  .starts_with(R"(argsSchema.properties.n.items.type: "nil" is not the name)"));
  EXPECT_TRUE(flaw_of(R"({"anyOf": [{}, {"properties": {"a": {"pattern": "(["}}}]})")
                  .starts_with("argsSchema.anyOf[1].properties.a.pattern: not a pattern"));
  EXPECT_TRUE(flaw_of(R"({"patternProperties": {"[": {}}})")
                  .starts_with("argsSchema.patternProperties.[: not a pattern"));
  EXPECT_EQ(flaw_of(R"("text")"), R"(argsSchema: a schema is an object, this is "text")");
  EXPECT_EQ(flaw_of(R"({"properties": []})"),
            "argsSchema.properties: expected an object of schemas");
  EXPECT_TRUE(flaw_of(R"({"properties": {"n": {"minLength": -1}}})")
                  .starts_with("argsSchema.properties.n.minLength: expected a non-negative"));
  EXPECT_EQ(flaw_of(R"({"properties": {"n": {"minimum": "3"}}})"),
            R"(argsSchema.properties.n.minimum: expected a number, got "3")");
  EXPECT_EQ(flaw_of(R"({"required": "x"})"),
            R"(argsSchema.required: expected a list of names, got "x")");
}

TEST(Schema, AReferenceLeadsToAPlaceInTheSchema) {
  EXPECT_EQ(
      flaw_of(R"({"properties": {"a": {"$ref": "#/definitions/none"}}})"),
      R"(argsSchema.properties.a.$ref: "#/definitions/none" leads to nothing in this schema)");
  EXPECT_TRUE(flaw_of(R"({"items": {"$ref": "other.json"}})")
                  .starts_with(R"(argsSchema.items.$ref: "other.json" is outside of this schema)"));
  EXPECT_EQ(flaw_of(R"({"$ref": "#"})"), R"(argsSchema.$ref: "#" leads back to itself)");
  EXPECT_EQ(flaw_of(R"({"definitions": {"a": {"$ref": "#/definitions/b"},
                                        "b": {"$ref": "#/definitions/a"}}})"),
            R"(argsSchema.definitions.a.$ref: "#/definitions/b" leads back to itself)");
  EXPECT_EQ(flaw_of(R"({"definitions": {"tree": {"items": {"$ref": "#/definitions/tree"}}},
                        "dependencies": {"a": {"$ref": "#/definitions/tree"}},
                        "properties": {"$ref": {"$ref": "#/definitions/tree"}}})"),
            "");
}

TEST(Schema, ASchemaThatCanBeUsedIsFine) {
  EXPECT_EQ(flaw_of("true"), "");
  EXPECT_EQ(flaw_of(R"({"type": ["object", "null"], "additionalProperties": {"type": "string"},
                        "properties": {"type": {"type": "string", "pattern": "^[a-z]+$"}},
                        "dependencies": {"a": ["b"]}, "required": ["type"]})"),
            "");
  EXPECT_TRUE(check_schema(feature_schema()));
}

TEST(Schema, DefaultsAreFilledInWhereNothingWasGiven) {
  Json value = Json::parse(R"({"feature": "x", "deep": {}})");
  EXPECT_TRUE(fill_defaults(feature_schema(), value));
  EXPECT_EQ(value, Json::parse(R"({"feature": "x", "deep": {"on": true}, "tries": 1})"));
  EXPECT_FALSE(fill_defaults(feature_schema(), value));
}

TEST(Schema, DefaultsDoNotMakeObjectsThatAreAbsent) {
  Json value = Json::parse(R"({"feature": "x", "tries": 3})");
  EXPECT_FALSE(fill_defaults(feature_schema(), value));
}

}  // namespace
}  // namespace agentcmd::steps
