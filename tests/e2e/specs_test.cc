// Slash commands and specs of a project: the types that are made of commands, and the spec that a
// run is given.

#include "support/sandbox.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr auto generated = ".agent/generated/slash-commands.ts";

class SpecsTest : public testing::Test {
 protected:
  SpecsTest() {
    fs::create_directories(sandbox.project / ".agent");
    sandbox.define("spec.ts", R"(
export default defineWorkflow({ id: "spec" }, async ({ event, step }) => {
  const { specFile, specType } = event.data;
  const text = await step.run("read", async () => (await import("node:fs")).readFileSync(specFile, "utf8"));
  return { specFile, specType, text };
});
)");
  }
  Finished run(std::vector<std::string> words) {
    words.insert(words.begin(), {"run", "spec", "--json"});
    return sandbox.agentcmd(std::move(words));
  }
  Sandbox sandbox;
};

TEST_F(SpecsTest, TypesAreMadeOfSlashCommandsAndQuoteWhatTheyAreGiven) {
  sandbox.write(".claude/commands/cmd/review.md", R"(---
description: Reviews a branch
argument-hint: [branch, (focus), depth?]
---
Reply:
<json_output>
{ "success": true, "found-issues": [{ "line": 1 }] }
</json_output>

**JSON Field Descriptions:**
- `success`: whether it passed
)");
  sandbox.write(".claude/commands/plain.md", "Do it.\n");
  sandbox.write(".claude/commands/broken.md", "<json_output>{ no json }</json_output>\n");
  const auto made = sandbox.agentcmd({"definitions", "types", "--json"});
  ASSERT_EQ(made.code, 0) << made.out << made.err;
  const auto said = Json::parse(made.out);
  EXPECT_EQ(said["commands"], (Json{"/broken", "/cmd:review", "/plain"}));
  EXPECT_EQ(said["changed"], true);
  ASSERT_EQ(said["problems"].size(), 1U);
  EXPECT_TRUE(said["problems"][0].get<std::string>().starts_with("broken.md: ")) << said;
  sandbox.write("use.ts", R"(
import { buildSlashCommand, type CmdReviewResponse, type SlashCommandResponses } from "./.agent/generated/slash-commands";
const reply: CmdReviewResponse = { success: true, "found-issues": [{ line: 2 }] };
const same: SlashCommandResponses["/cmd:review"] = reply;
console.log(buildSlashCommand("/cmd:review", { branch: "it's", depth: String(same["found-issues"][0].line) }));
console.log(buildSlashCommand("/plain"));
// @ts-expect-error there is no such argument
buildSlashCommand("/cmd:review", { branch: "a", brunch: "b" });
)");
  const auto checked =
      sandbox.exec({"node", AGENTCMD_SOURCE_DIR "/sdk/node_modules/typescript/bin/tsc", "--strict",
                    "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom", "use.ts"});
  ASSERT_EQ(checked.code, 0) << checked.out << checked.err;
  const auto used = sandbox.exec({"node", "use.js"});
  EXPECT_EQ(used.out, "/cmd:review 'it'\\''s' '' '2'\n/plain\n") << used.err;
  const auto again = sandbox.agentcmd({"definitions", "types"});
  EXPECT_TRUE(again.out.contains("3 slash commands, as before")) << again.out;
  EXPECT_TRUE(again.err.contains("broken.md")) << again.err;
}

TEST_F(SpecsTest, WithoutSlashCommandsThereIsNothingToMakeTypesOf) {
  const auto made = sandbox.agentcmd({"definitions", "types"});
  EXPECT_EQ(made.code, 2);
  EXPECT_TRUE(made.err.contains(".claude/commands")) << made.err;
  EXPECT_FALSE(fs::exists(sandbox.project / generated));
}

TEST_F(SpecsTest, ASpecFileIsFoundAndItsPathIsAbsolute) {
  sandbox.write(".agent/specs/todo/login/spec.md", "Log in.");
  for (const auto* typed : {"todo/login/spec.md", ".agent/specs/todo/login/spec.md"}) {
    const auto finished = run({"--spec-file", typed});
    ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
    const auto result = result_of(finished)["result"];
    EXPECT_EQ(result["specFile"], (sandbox.project / ".agent/specs/todo/login/spec.md").string());
    EXPECT_EQ(result["text"], "Log in.");
  }
  const auto shown = sandbox.run(sandbox.runs()[0]["id"]);
  EXPECT_TRUE(shown["annotations"].dump().contains("Spec: ")) << shown["annotations"];
}

TEST_F(SpecsTest, AWorktreeTakesItsOwnCopyOfACommittedSpecAndTheProjectsOfAnother) {
  sandbox.write(".agent/specs/kept.md", "kept");
  sandbox.make_repository();
  sandbox.write(".agent/specs/new.md", "new");
  const auto kept = run({"--spec-file", "kept.md", "--mode", "worktree", "--branch", "a"});
  ASSERT_EQ(kept.code, 0) << kept.out << kept.err;
  EXPECT_TRUE(result_of(kept)["result"]["specFile"].get<std::string>().contains("/.worktrees/"));
  const auto fresh = run({"--spec-file", "new.md", "--mode", "worktree", "--branch", "b"});
  ASSERT_EQ(fresh.code, 0) << fresh.out << fresh.err;
  EXPECT_EQ(result_of(fresh)["result"]["specFile"],
            (sandbox.project / ".agent/specs/new.md").string());
}

TEST_F(SpecsTest, OfATextAnAgentMakesTheSpecFirst) {
  sandbox.write(".claude/commands/cmd/generate-bug-spec.md",
                "---\nargument-hint: [(context)]\n---\n");
  sandbox.write("agent.json", R"([{
    "match": { "prompt": "^/cmd:generate-bug-spec 'it'\\\\''s broken'$" },
    "do": [{ "write": { "path": ".agent/specs/bug.md", "content": "made" } },
           { "reply": { "success": true, "spec_file": ".agent/specs/bug.md" } }]
  }])");
  const auto finished = run(
      {"--spec-content", "it's broken", "--spec-type", "bug", "--agents", "scripted:agent.json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto result = result_of(finished)["result"];
  EXPECT_EQ(result["text"], "made");
  EXPECT_EQ(result["specType"], "bug");
}

TEST_F(SpecsTest, ATextWithoutACommandToMakeASpecOfItFailsTheRunWithTheReason) {
  const auto finished = run({"--spec-content", "anything"});
  EXPECT_EQ(finished.code, 1) << finished.out;
  EXPECT_TRUE(result_of(finished)["error"]["message"].get<std::string>().contains(
      ".claude/commands/cmd/generate-feature-spec.md is missing"))
      << finished.out;
}

TEST_F(SpecsTest, WhatCannotBeASpecStartsNothing) {
  sandbox.write("a.md", "a");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--spec-file", "missing.md"},
           {"--spec-file", ".agent"},
           {"--spec-file", "a.md", "--spec-content", "b"},
           {"--spec-content", " "},
           {"--spec-type", "bug"},
           {"--spec-file", "a.md", "--spec-type", "../bug"},
       }) {
    const auto refused = run(words);
    EXPECT_EQ(refused.code, 2) << words.front() << refused.out;
    EXPECT_TRUE(refused.err.contains("--spec-")) << refused.err;
  }
  EXPECT_TRUE(sandbox.runs().empty());
}

}  // namespace
}  // namespace agentcmd::test
