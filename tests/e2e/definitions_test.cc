// Definitions written for the npm package run unchanged, and an editor accepts what a run can do.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace agentcmd::test {
namespace {

constexpr std::string_view style_a =
    R"(import { defineWorkflow, defineSchema } from "agentcmd-workflows";
const argsSchema = defineSchema({ type: "object", properties: { feature: { type: "string" }, tries: { type: "number", default: 1 } }, required: ["feature"] });
export default defineWorkflow(
  { id: "feature", name: "Feature", phases: ["research", { id: "implement", label: "Implement" }], argsSchema },
  async ({ event, step }) => {
    const found = await step.phase("research", async () =>
      step.agent<{ files: string[] }>("look-around", { agent: "claude", prompt: `Where is ${event.data.args.feature}?`, json: true }));
    return await step.phase("implement", async () => {
      const test = await step.cli("run-tests", { command: "make -s test" });
      if (!test.success) await step.annotation("tests-red", { message: `exit ${test.data.exitCode}` });
      const saved = await step.git("save", { operation: "commit-and-branch", branch: `feat/${event.data.args.feature}`, commitMessage: "feat: first cut" });
      return { files: found.data.files, branch: saved.data.branch };
    });
  },
);
)";

constexpr std::string_view style_b = R"(export default defineWorkflow({
  id: 'generate-feature',
  phases: ['research', 'implement', 'review'],
  async execute({ step, event }) {
    console.log('Starting workflow at', new Date());
    step.phase('research');
    const docs = await step.agent({
      agent: 'claude',
      prompt: 'Research the feature',
    });
    step.phase('implement');
    await step.git({
      type: 'commit-and-branch',
      branch: 'feat/new-feature',
    });
  }
});
)";

constexpr std::string_view look_around = R"([
  {"match": {"step": "look-around"}, "do": [{"say": "looking"}, {"reply": {"files": ["Makefile"]}}]}
])";

class DefinitionsTest : public testing::Test {
 protected:
  void make_project() {
    sandbox.write("script.json", look_around);
    sandbox.write("Makefile", "test:\n\t@exit 3\n");
    sandbox.make_repository();
  }
  std::string agents() const { return "scripted:" + (sandbox.project / "script.json").string(); }
  Sandbox sandbox;
};

TEST_F(DefinitionsTest, StyleARunsUnchanged) {
  sandbox.define("feature.ts", style_a);
  make_project();
  const auto finished = sandbox.agentcmd({"run", "feature", "--json", "--arg", "feature=login",
                                          "--mode", "worktree", "--agents", agents()});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto run = result_of(finished);
  EXPECT_EQ(run["status"], "completed");
  EXPECT_EQ(run["result"], Json::parse(R"({"files":["Makefile"],"branch":"feat/login"})"));
  const auto shown = sandbox.run(run["id"]);
  EXPECT_TRUE(shown.dump().contains("exit 2")) << "the annotation: make's exit status is 2";
}

TEST_F(DefinitionsTest, StyleBRunsUnchanged) {
  sandbox.define("generate-feature.js", style_b);
  make_project();
  const auto finished = sandbox.agentcmd(
      {"run", "generate-feature", "--json", "--mode", "worktree", "--agents", agents()});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto run = sandbox.run(result_of(finished)["id"]);
  std::vector<std::string> keys;
  for (const auto& step : run["steps"]) keys.push_back(step["key"]);
  EXPECT_NE(std::ranges::find(keys, "research/agent"), keys.end()) << run.dump(2);
  EXPECT_NE(std::ranges::find(keys, "implement/git"), keys.end()) << run.dump(2);
  EXPECT_TRUE(sandbox.git({"branch", "--list", "feat/new-feature"}).contains("feat/new-feature"));
}

TEST_F(DefinitionsTest, MissingArgumentsAreListedWithTheirPathsBeforeAnythingStarts) {
  sandbox.define("feature.ts", style_a);
  make_project();
  const auto finished = sandbox.agentcmd({"run", "feature", "--args", R"({"tries":"many"})"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(finished.err.contains("feature")) << finished.err;
  EXPECT_TRUE(finished.err.contains("tries")) << finished.err;
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(DefinitionsTest, ABrokenFileIsReportedWithItsPlaceAndDisturbsNoOther) {
  sandbox.define("feature.ts", style_a);
  sandbox.define("broken.ts",
                 "export default defineWorkflow({ id: 'broken' },\n  async ( => {});\n");
  sandbox.define("throws.ts", "const x: number = 1;\nthrow new Error('at load');\n");
  make_project();
  const auto listed = sandbox.agentcmd({"definitions", "list", "--json"});
  EXPECT_TRUE(listed.out.contains("\"feature\"")) << listed.out << listed.err;
  EXPECT_TRUE(listed.out.contains("broken.ts:2:")) << listed.out;
  EXPECT_TRUE(listed.out.contains("throws.ts:2:")) << listed.out;
  EXPECT_TRUE(listed.out.contains("at load")) << listed.out;
}

TEST_F(DefinitionsTest, AFileWithoutAWorkflowIsNamedOnceWithAPlace) {
  sandbox.define("empty.ts", "export const a = 1;\n");
  make_project();
  const auto checked = sandbox.agentcmd({"definitions", "check"});
  EXPECT_EQ(checked.code, 1);
  EXPECT_TRUE(checked.out.contains(
      "  .agent/workflows/definitions/empty.ts:1:1: The file exports no workflow (it exports a)"))
      << checked.out;
}

TEST_F(DefinitionsTest, ARejectionThatNobodyHandlesIsShown) {
  sandbox.define("lost.ts", R"(
export default defineWorkflow({ id: "lost" }, async ({ step }) => {
  Promise.reject(new Error("nobody looks"));
  const late = Promise.reject(new Error("in time"));
  await late.catch(() => 1);
  await step.run("fine", () => 1);
});
)");
  make_project();
  const auto finished = sandbox.agentcmd({"run", "lost"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_TRUE(finished.out.contains("nobody looks at")) << finished.out;
  EXPECT_TRUE(finished.out.contains("lost.ts:3:")) << finished.out;
  EXPECT_FALSE(finished.out.contains("in time")) << finished.out;
}

TEST_F(DefinitionsTest, CheckSaysWhatReplayCouldNotice) {
  sandbox.define("generate-feature.js", style_b);
  make_project();
  const auto checked = sandbox.agentcmd({"definitions", "check", "--json"});
  EXPECT_TRUE(checked.out.contains("recorded")) << checked.out << checked.err;
  EXPECT_TRUE(checked.out.contains("generate-feature.js")) << checked.out;
}

TEST_F(DefinitionsTest, TypeScriptWithImportsEnumsAndZodLoads) {
  sandbox.write(".agent/workflows/lib/levels.ts",
                "export enum Level { low = 'low', high = 'high' }\n");
  std::filesystem::create_directories(sandbox.project / "node_modules");
  std::filesystem::create_directory_symlink(
      std::filesystem::path(AGENTCMD_SOURCE_DIR) / "sdk/node_modules/zod",
      sandbox.project / "node_modules/zod");
  sandbox.define("typed.ts", R"(
import { z } from "zod";
import { defineWorkflow } from "../../../packages/agentcmd-workflows/dist";
import { Level } from "../lib/levels";
const shape = z.object({ n: z.number() });
type Shape = z.infer<typeof shape>;
export const typed = defineWorkflow({ id: "typed" }, async ({ step }) => {
  const value: Shape = await step.run("parse", async () => shape.parse({ n: 7 }));
  return { n: value.n, level: Level.high };
});
)");
  make_project();
  const auto finished = sandbox.agentcmd({"run", "typed", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], Json::parse(R"({"n":7,"level":"high"})"));
}

TEST_F(DefinitionsTest, AnEndlessLoopIsStoppedAndNamesRunAndLine) {
  sandbox.define("loop.ts",
                 "export default defineWorkflow({ id: 'loop' }, async () => {\n"
                 "  const n: number = 0;\n  for (;;) {}\n});\n");
  make_project();
  const auto finished = sandbox.agentcmd({"run", "loop", "--json"});
  EXPECT_EQ(finished.code, 5) << finished.out << finished.err;
  EXPECT_TRUE((finished.out + finished.err).contains("loop.ts:3")) << finished.out << finished.err;
}

std::string source_file(const std::string& name) {
  std::ifstream in(std::filesystem::path(AGENTCMD_SOURCE_DIR) / name);
  return {std::istreambuf_iterator<char>(in), {}};
}

// With nothing but what `agentcmd init` has written.
TEST(EditorTypes, WhatARunCanUseAnEditorAcceptsWithoutInstallingAnything) {
  const Sandbox sandbox;
  ASSERT_EQ(sandbox.agentcmd({"init", "."}).code, 0);
  sandbox.define("uses_node.ts", source_file("tests/e2e/definitions/uses_node.ts"));
  for (const auto* skip : {"true", "false"}) {
    const auto checked =
        sandbox.exec({"node", AGENTCMD_SOURCE_DIR "/sdk/node_modules/typescript/bin/tsc", "-p",
                      ".agent", "--skipLibCheck", skip});
    EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  }
  const auto finished = sandbox.agentcmd({"run", "uses-node", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto result = result_of(finished)["result"];
  EXPECT_EQ(result["whole"], "one\ntwo\n");
  EXPECT_EQ(result["stdout"], "exec");
  EXPECT_EQ(result["code"], 4);
  EXPECT_EQ(result["refused"], "enough");
  EXPECT_EQ(result["name"], "b c.txt");
}

TEST(EditorTypes, WhatARunDoesNotHaveAnEditorRefuses) {
  const Sandbox sandbox;
  ASSERT_EQ(sandbox.agentcmd({"init", "."}).code, 0);
  sandbox.define("more.ts",
                 "import http from 'node:http';\n"
                 "import { watch } from 'node:fs';\n"
                 "document.title = `${http} ${watch}`;\n");
  const auto checked = sandbox.exec(
      {"node", AGENTCMD_SOURCE_DIR "/sdk/node_modules/typescript/bin/tsc", "-p", ".agent"});
  EXPECT_TRUE(checked.out.contains("more.ts(1,18): error TS2307")) << checked.out;
  EXPECT_TRUE(checked.out.contains("more.ts(2,10): error TS2614")) << checked.out;
  EXPECT_TRUE(checked.out.contains("more.ts(3,1): error TS2584")) << checked.out;
}

}  // namespace
}  // namespace agentcmd::test
