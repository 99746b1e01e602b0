#include "script/bundle.h"

#include "base/fault.h"
#include "base/id.h"
#include "script/source_map.h"
#include "script/test_worker.h"

namespace agentcmd::script {
namespace {

const std::filesystem::path real_libexec = AGENTCMD_TEST_LIBEXEC;

class BundleTest : public WorkerTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(real_libexec / "esbuild")) {
      GTEST_SKIP() << "esbuild is not installed: run scripts/deps";
    }
  }

  Result<Bundle> bundle(const std::string& name) {
    return wait(io, make_bundle(io.get_executor(), real_libexec, project.path(),
                                project.path() / name, bundles.path()));
  }
  // The result of a run of that definition which never waits.
  std::string result_of(const std::string& name) {
    start();
    auto made = bundle(name);
    if (!made) return made.error().message;
    worker->load(*made);
    const auto completion = complete(start_of("r1", made->hash));
    if (completion.commands.empty()) return "nothing";
    if (const auto* failed = std::get_if<history::FailRun>(&completion.commands[0])) {
      return failed->failure.message + "\n" + failed->failure.stack;
    }
    return std::get<history::CompleteRun>(completion.commands[0]).result.text;
  }

  TempFolder project;
  TempFolder bundles;
};

TEST_F(BundleTest, TypeScriptWithImportsBecomesOneScript) {
  project.write("lib/util.ts",
                "export const twice = (n: number): number => n * 2;\n"
                "export interface Shape { a: number }\n");
  project.write("flow.ts", R"(import { twice, type Shape } from "./lib/util";
import type { Other } from "./lib/util";
import { defineWorkflow as a } from "agentcmd-workflows";
import { defineWorkflow as b } from "../../some/agentcmd-workflows/dist";
import { defineWorkflow as c } from "../../some/agentcmd-workflows/dist/index.js";
enum Level { Low = 1, High }
const start: Shape = { a: 20 };
const value = twice(start.a) + Level.High;
export default a({ id: "flow" }, async () => {
  const { twice: later } = await import("./lib/util");
  return [value, Level[2], later(1), a === b && b === c];
});
)");
  EXPECT_EQ(result_of("flow.ts"), R"([42,"High",2,true])");
}

TEST_F(BundleTest, PackagesOfTheProjectAreFound) {
  const auto zod = std::filesystem::path(AGENTCMD_SOURCE_DIR) / "sdk/node_modules/zod";
  if (!std::filesystem::exists(zod)) GTEST_SKIP() << "zod is not installed: run scripts/deps";
  std::filesystem::create_directories(project.path() / "node_modules");
  std::filesystem::create_directory_symlink(zod, project.path() / "node_modules/zod");
  project.write(".agent/workflows/definitions/flow.ts", R"(import { z } from "zod";
const Args = z.object({ n: z.number().default(4) });
defineWorkflow({ id: "flow" }, async () => {
  const bad = Args.safeParse({ n: "x" });
  return [Args.parse({}).n, bad.success];
});
)");
  EXPECT_EQ(result_of(".agent/workflows/definitions/flow.ts"), "[4,false]");
}

TEST_F(BundleTest, StacksNameTheTypeScriptSource) {
  project.write("lib/util.ts",
                "// a line\nexport function explode(): never {\n  throw new Error('boom');\n}\n");
  project.write("flow.ts",
                "import { explode } from './lib/util';\n\n"
                "defineWorkflow({ id: 'x' }, async () => {\n  explode();\n});\n");
  EXPECT_EQ(result_of("flow.ts"),
            "boom\nat explode (lib/util.ts:3:13)\nat flow.ts:4:3\nat flow.ts:3:29");
}

TEST_F(BundleTest, EveryErrorIsToldWithItsPlace) {
  project.write("broken.ts", "const a = 1;\nconst x = ;\n");
  const auto syntax = bundle("broken.ts");
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(syntax.error().message, "broken.ts:2:11: Unexpected \";\"");

  project.write("flow.ts",
                "import a from 'nowhere';\nimport b from './gone';\nexport default [a, b];\n");
  const auto missing = bundle("flow.ts");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "flow.ts:1:15: Could not resolve \"nowhere\" (is it installed? npm install nowhere)\n"
            "flow.ts:2:15: Could not resolve \"./gone\"");

  project.write("tla.ts", "export const a = 1;\nawait 1;\n");
  EXPECT_TRUE(bundle("tla.ts").error().message.starts_with("tla.ts:2:1: top-level await"));
  EXPECT_EQ(bundle("no such.ts").error().code, ErrorCode::not_found);
}

TEST_F(BundleTest, TheProjectsCompilerSettingsAreNoCondition) {
  project.write("tsconfig.json",
                R"({ "extends": "@nobody/config", "compilerOptions": { "target": "ES5", )");
  project.write("flow ü.ts", "defineWorkflow({ id: 'x' }, async () => 'fine' as string);");
  EXPECT_EQ(result_of("flow ü.ts"), "\"fine\"");
}

TEST_F(BundleTest, BundlesAreKeptByHash) {
  project.write("flow.ts", "defineWorkflow({ id: 'x' }, async () => 1);");
  const auto made = bundle("flow.ts");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->hash, sha256_hex(made->code));
  EXPECT_EQ(made->file, "flow.ts");
  const auto kept = load_bundle(bundles.path(), made->hash);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->code, made->code);
  EXPECT_EQ(kept->map, made->map);
  EXPECT_EQ(kept->file, made->file);
  EXPECT_EQ(load_bundle(bundles.path(), std::string(64, 'a')).error().code, ErrorCode::not_found);
  EXPECT_EQ(load_bundle(bundles.path(), "../x").error().code, ErrorCode::invalid_argument);

  const auto file = bundles.path() / (made->hash + ".json");
  std::ofstream(file) << R"({"file":"flow.ts","code":"other","map":"{}"})";
  EXPECT_THROW(load_bundle(bundles.path(), made->hash), Fault);
}

}  // namespace
}  // namespace agentcmd::script
