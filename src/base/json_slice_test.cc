#include "base/json_slice.h"

#include "base/fault.h"

#include <gtest/gtest.h>

namespace agentcmd {
namespace {

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

TEST(JsonSlice, EveryEscapeIsUnderstood) {
  EXPECT_EQ(unquote(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(unquote(R"("\u0041\u20ac \ud83d\ude00")"), "A€ 😀");
}

TEST(JsonSlice, WhatIsNoStringIsAFault) {
  for (const char* text : {"", "\"", "1", "{}", R"("\")", R"("\x")", "\"a\nb\"", "\"\xff\""}) {
    EXPECT_THROW(unquote(text), Fault) << text;
  }
}

TEST(JsonSlice, AnObjectIsReadToItsEnd) {
  const JsonMembers members(R"( {"a": "x", "b" : [1, {"a": 2}] , "":null} )");
  EXPECT_EQ(members.size(), 3U);
  EXPECT_EQ(members.find("a"), "\"x\"");
  EXPECT_EQ(members.find("b"), R"([1, {"a": 2}])");
  EXPECT_EQ(members.find(""), "null");
  EXPECT_FALSE(members.find("c"));
  EXPECT_EQ(JsonMembers("{}").size(), 0U);
  for (const char* text : {"[]", "{", R"({"a":1)", R"({"a":1}})", R"({"a":1,})", R"({"a":1 "b":2})",
                           R"({a:1})", R"({"a":1} x)"}) {
    EXPECT_THROW(JsonMembers{text}, Fault) << text;
  }
}

}  // namespace
}  // namespace agentcmd
