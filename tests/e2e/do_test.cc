// do: a task in a repository for which nothing was written; runs report: what came of a run.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Writes a file, and approves of it.
constexpr std::string_view good_agent = R"([
  { "match": { "step": "implement" },
    "do": [{ "write": { "path": "greeting.txt", "content": "hello" } },
           { "usage": { "inputTokens": 1000, "outputTokens": 500, "costUsd": 0.25 } },
           { "reply": "done" }] },
  { "match": { "step": "fix" },
    "do": [{ "write": { "path": "greeting.txt", "content": "hello" } }, { "reply": "mended" }] },
  { "match": { "step": "review" }, "do": [{ "reply": { "approved": true, "issues": [] } }] }
])";

class DoTest : public testing::Test {
 protected:
  DoTest() {
    sandbox.make_repository();
    sandbox.write("../agent.json", good_agent);
  }
  Finished do_it(std::vector<std::string> words) {
    words.insert(words.begin(), "do");
    words.insert(words.end(), {"--agents", "scripted:" + (sandbox.root / "agent.json").string()});
    return sandbox.agentcmd(std::move(words));
  }
  std::string only_run() { return sandbox.runs().at(0)["id"]; }
  Sandbox sandbox;
};

TEST_F(DoTest, ATaskIsDoneInAWorktreeOfARepositoryThatKnowsNothingOfAgentcmd) {
  fs::remove_all(sandbox.project / ".agent");
  const auto finished =
      do_it({"Add a | greeting", "--test", "grep -q hello greeting.txt", "--branch", "greet"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_TRUE(finished.out.contains("agentcmd runs report " + only_run())) << finished.out;
  EXPECT_EQ(sandbox.git({"status", "--porcelain"}), "") << "the checkout is as it was";
  EXPECT_EQ(sandbox.git({"show", "greet:greeting.txt"}), "hello");
  const auto report = sandbox.agentcmd({"runs", "report", only_run()}).out;
  for (const auto* part :
       {"# Add a | greeting\n", "Completed in ", "```\nAdd a | greeting\n```\n", "1 file changed",
        "on branch `greet`", "| `grep -q hello greeting.txt` | ok |",
        "| implement | claude | ok | ", "| 1500 | $0.25 |"}) {
    EXPECT_TRUE(report.contains(part)) << part << "\n" << report;
  }
  const auto json = sandbox.agentcmd({"runs", "report", only_run(), "--json"});
  EXPECT_EQ(Json::parse(json.out), (Json{{"run", only_run()}, {"markdown", report}}));
}

TEST_F(DoTest, TestsThatFailAreMendedAndTheirCommandIsFound) {
  sandbox.write("Makefile", "test:\n\t@grep -q hello greeting.txt\n");
  sandbox.git({"add", "-A"});
  sandbox.git({"commit", "-q", "-m", "tests"});
  const auto finished = do_it({"Greet", "--flow", "test-and-fix", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], (Json{{"passed", true}, {"fixes", 1}}));
}

TEST_F(DoTest, AReviewLooksAtWhatLiesThere) {
  sandbox.write("uncommitted.txt", "x");
  const auto finished = do_it({"Is this good?", "--flow", "review", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["approved"], true);
  EXPECT_EQ(sandbox.read("uncommitted.txt"), "x");
  EXPECT_EQ(sandbox.run(only_run())["request"]["mode"], "stay");
}

TEST_F(DoTest, AnIssueBecomesAPullRequest) {
  sandbox.exec({"git", "init", "-q", "--bare", (sandbox.root / "remote").string()});
  sandbox.git({"remote", "add", "origin", (sandbox.root / "remote").string()});
  sandbox.write("../bin/gh", R"(#!/bin/sh
case "$1 $2" in
  "issue view") echo '{"title": "Say hello", "body": "It is silent."}' ;;
  "pr create") echo "https://example.test/pull/7" ;;
  *) echo '[]' ;;
esac
)");
  fs::permissions(sandbox.root / "bin/gh", fs::perms::owner_all);
  sandbox.env["PATH"] = (sandbox.root / "bin").string() + ":" + getenv("PATH");
  const auto finished =
      do_it({"Do issue 12", "--flow", "issue-to-pr", "--branch", "say", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["url"], "https://example.test/pull/7");
  EXPECT_EQ(sandbox.git({"log", "-1", "--format=%s", "say"}), "Say hello (#12)\n");
  EXPECT_TRUE(sandbox.agentcmd({"runs", "report", only_run()})
                  .out.contains("Pull request: https://example.test/pull/7"));
}

TEST_F(DoTest, AnEjectedFlowIsTheProjectsOwnAndIsUsed) {
  const auto ejected = sandbox.agentcmd({"definitions", "eject", "review"});
  ASSERT_EQ(ejected.code, 0) << ejected.err;
  const auto file = sandbox.project / ".agent/workflows/definitions/review.ts";
  EXPECT_EQ(ejected.out, file.string() + "\n");
  EXPECT_EQ(sandbox.agentcmd({"definitions", "check"}).code, 0);
  sandbox.define("review.ts",
                 "export default defineWorkflow({ id: 'review' }, async () => 'my own');");
  EXPECT_EQ(result_of(do_it({"x", "--flow", "review", "--json"}))["result"], "my own");
  const auto again = sandbox.agentcmd({"definitions", "eject", "review"});
  EXPECT_EQ(again.code, 2);
  EXPECT_TRUE(again.err.contains("is there already")) << again.err;
  EXPECT_TRUE(sandbox.read(".agent/workflows/definitions/review.ts").contains("my own"));
}

TEST_F(DoTest, WhatCannotBeDoneStartsNothing) {
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{" "}, "needs a task"},
           {{"x", "--flow", "reviev"}, "Did you mean 'review'"},
           {{"x", "--project", "nowhere"}, "nowhere"}}) {
    const auto refused = do_it(words);
    EXPECT_EQ(refused.code, 2) << refused.out;
    EXPECT_TRUE(refused.err.contains(says)) << refused.err;
  }
  EXPECT_EQ(sandbox.agentcmd({"definitions", "eject", "nope"}).code, 2);
  EXPECT_EQ(sandbox.agentcmd({"runs", "report", "r9"}).code, 2);
  EXPECT_TRUE(sandbox.runs().empty());
}

}  // namespace
}  // namespace agentcmd::test
