#include "agents/rules.h"

#include "agents/proposed_diff.h"
#include "process/test_support.h"

#include <gtest/gtest.h>

namespace agentcmd::agents {
namespace {

bool allows(const std::string& rule, const std::string& tool, const Json& input) {
  return allowing_rule({rule}, tool, input, "/srv/project") != nullptr;
}
bool runs(const std::string& rule, const std::string& command) {
  return allows(rule, "Bash", {{"command", command}});
}
bool edits(const std::string& rule, const std::string& path) {
  return allows(rule, "Edit", {{"file_path", path}});
}

TEST(Rules, AToolAloneAllowsAllItsUses) {
  EXPECT_TRUE(runs("Bash", "rm -rf /"));
  EXPECT_FALSE(allows("Bash", "Write", {{"file_path", "a"}}));
  EXPECT_TRUE(allows("mcp__files", "mcp__files__read", Json::object()));
  EXPECT_TRUE(allows("mcp__files__read", "mcp__files__read", Json::object()));
  EXPECT_FALSE(allows("mcp__files", "mcp__filesystem__read", Json::object()));
}

TEST(Rules, ACommandIsAllowedAsItIsOrByItsFirstWords) {
  EXPECT_TRUE(runs("Bash(npm test)", "npm test"));
  EXPECT_FALSE(runs("Bash(npm test)", "npm test --watch"));
  EXPECT_TRUE(runs("Bash(npm test:*)", "npm test"));
  EXPECT_TRUE(runs("Bash(npm test:*)", "npm test -- --only \"a b\""));
  EXPECT_FALSE(runs("Bash(npm test:*)", "npm testing"));
}

TEST(Rules, FirstWordsAllowNoSecondCommand) {
  for (const auto* more : {"; rm x", " && rm x", " | sh", " > /etc/x", " $(rm x)", " `rm x`",
                           "\nrm x", " & rm x", " <(rm x)"}) {
    EXPECT_FALSE(runs("Bash(npm test:*)", std::string("npm test") + more)) << more;
  }
}

TEST(Rules, APathIsComparedWhereItLeads) {
  EXPECT_TRUE(edits("Edit(src/**)", "/srv/project/src/a/b.ts"));
  EXPECT_TRUE(edits("Edit(src/**)", "src/a.ts"));
  EXPECT_TRUE(edits("Edit(/srv/project/README.md)", "README.md"));
  EXPECT_FALSE(edits("Edit(src/**)", "src/../../secret"));
  EXPECT_FALSE(edits("Edit(src/**)", "/srv/other/src/a.ts"));
}

TEST(Rules, AnAddressIsComparedByItsHost) {
  const auto fetches = [](const std::string& url) {
    return allows("WebFetch(domain:example.com)", "WebFetch", {{"url", url}});
  };
  EXPECT_TRUE(fetches("https://example.com/a?b"));
  EXPECT_TRUE(fetches("https://example.com:8443"));
  EXPECT_FALSE(fetches("https://example.com.evil.org/"));
  EXPECT_FALSE(fetches("https://example.com@evil.org/"));
}

TEST(Rules, WhatIsNoRuleIsToldWithItsText) {
  for (const auto* wrong : {"", "(npm)", "Bash()", "Bash(npm", "Bash npm", "Bash(:*)"}) {
    const auto checked = check_rule(wrong);
    ASSERT_FALSE(checked) << wrong;
    EXPECT_NE(checked.error().message.find("Bash(npm test:*)"), std::string::npos);
  }
  EXPECT_TRUE(check_rule("mcp__a-b__c.d"));
}

TEST(Rules, ForTheRunMeansTheSameAgain) {
  EXPECT_EQ(rule_for("Bash", {{"command", "npm test; ls"}}), "Bash(npm test; ls)");
  EXPECT_EQ(rule_for("WebFetch", {{"url", "https://a.com/x"}}), "WebFetch(domain:a.com)");
  EXPECT_EQ(rule_for("Write", {{"file_path", "a"}}), "Write");
  EXPECT_TRUE(runs(rule_for("Bash", {{"command", "npm test; ls"}}), "npm test; ls"));
}

TEST(ProposedDiff, ShowsWhatAnEditWouldChange) {
  const process::TempDir dir;
  process::write_file(dir / "a", "1\n2\n3\n4\n5\n6\n");
  const auto diff = proposed_diff(
      {{"file_path", "a"}, {"old_string", "4"}, {"new_string", "four\n4b"}}, dir.path());
  const auto name = (dir / "a").string();
  EXPECT_EQ(diff, "--- " + name + "\n+++ " + name +
                      "\n@@ -1,6 +1,7 @@\n 1\n 2\n 3\n-4\n+four\n+4b\n 5\n 6\n");
}

TEST(ProposedDiff, OfANewFileIsAllOfIt) {
  const process::TempDir dir;
  const auto diff = proposed_diff({{"file_path", "b"}, {"content", "x\ny\n"}}, dir.path());
  EXPECT_EQ(diff, "--- /dev/null\n+++ " + (dir / "b").string() + "\n@@ -1,0 +1,2 @@\n+x\n+y\n");
}

TEST(ProposedDiff, IsEmptyWhereNothingIsEdited) {
  EXPECT_EQ(proposed_diff({{"command", "ls"}}, "/"), "");
  EXPECT_EQ(proposed_diff({{"file_path", "a"}}, "/"), "");
}

}  // namespace
}  // namespace agentcmd::agents
