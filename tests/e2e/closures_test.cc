// step.run: what a closure may do, and what workflow code outside one may not.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::test {
namespace {

class ClosuresTest : public testing::Test {
 protected:
  Finished run(std::string_view body) {
    sandbox.define("one.ts", fmt::format(R"(
import {{ defineWorkflow }} from "agentcmd-workflows";
import * as fs from "node:fs";
import * as fsp from "node:fs/promises";
import * as path from "node:path";
import * as os from "node:os";
import * as crypto from "node:crypto";
import * as cp from "node:child_process";
export default defineWorkflow({{ id: "one" }}, async ({{ event, step }}) => {{ {} }});
)",
                                         body));
    sandbox.make_repository();
    return sandbox.agentcmd({"run", "one", "--json"});
  }
  Json result(std::string_view body) {
    const auto finished = run(body);
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished)["result"];
  }
  std::string error(std::string_view body) {
    const auto finished = run(body);
    EXPECT_EQ(finished.code, 1) << finished.out << finished.err;
    return result_of(finished)["error"].dump();
  }
  Sandbox sandbox;
};

TEST_F(ClosuresTest, FilesAreReadAndWrittenRelativeToTheWorkspace) {
  EXPECT_EQ(result(R"(return step.run("files", async () => {
    await fsp.mkdir("a/b", { recursive: true });
    fs.writeFileSync(path.join("a", "b", "x.txt"), "größe");
    fs.appendFileSync("a/b/x.txt", "!");
    const list = await fsp.readdir("a/b");
    return { text: await fsp.readFile("a/b/x.txt", "utf8"), list, there: fs.existsSync("nope") };
  });)"),
            Json::parse(R"({"text":"größe!","list":["x.txt"],"there":false})"));
  EXPECT_EQ(sandbox.read("a/b/x.txt"), "größe!");
}

TEST_F(ClosuresTest, ProcessesAndEnvironmentAndHashesWork) {
  sandbox.env["GREETING"] = "hello";
  sandbox.env["AGENTCMD_TOKEN"] = "own-secret-token";
  EXPECT_EQ(
      result(R"(return step.run("processes", async () => ({
    out: cp.execSync("echo $GREETING", { encoding: "utf8" }).trim(),
    file: cp.execFileSync("printf", ["%s", "a b"]).toString(),
    greeting: process.env.GREETING,
    token: process.env.AGENTCMD_TOKEN ?? null,
    hash: crypto.createHash("sha256").update("abc").digest("hex").slice(0, 8),
    home: typeof os.homedir(),
  }));)"),
      Json::parse(
          R"({"out":"hello","file":"a b","greeting":"hello","token":null,"hash":"ba7816bf","home":"string"})"));
}

TEST_F(ClosuresTest, OutsideAClosureTheSameCallsAreRefusedWithAdvice) {
  EXPECT_TRUE(error(R"(fs.readFileSync("README.md");)").contains("step.run"));
}

TEST_F(ClosuresTest, EnvironmentOutsideAClosureIsRefusedOrEmpty) {
  sandbox.env["GREETING"] = "hello";
  const auto finished = run(
      R"(let v; try { v = process.env.GREETING } catch (e) { v = e.message } return v ?? null;)");
  EXPECT_NE(result_of(finished)["result"], "hello");
}

TEST_F(ClosuresTest, OutsideStaysRefusedWhileAnotherClosureWaits) {
  EXPECT_TRUE(error(R"(
    const slow = step.run("slow", async () => { await fsp.writeFile("s", "1"); return cp.execSync("sleep 0.2; echo 1").toString(); });
    const quick = step.run("quick", async () => 1);
    await quick;
    await fsp.readFile("README.md");
    await slow;
  )")
                  .contains("step.run"));
}

TEST_F(ClosuresTest, ParallelClosuresKeepTheirOwnRandomStreams) {
  const auto body = R"(
    const before = Math.random();
    await Promise.all([
      step.run("a", async () => { await fsp.writeFile("a", "1"); return Math.random(); }),
      step.run("b", async () => { await fsp.writeFile("b", "1"); return Math.random(); })]);
    return [before, Math.random(), Date.now() > 0];
  )";
  const auto finished = run(body);
  const auto run_json = result_of(finished);
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(run_json["result"].size(), 3U);
}

TEST_F(ClosuresTest, AStepWithinAClosureIsAnError) {
  EXPECT_TRUE(
      error(R"(await step.run("outer", async () => step.cli("inner", { command: "true" }));)")
          .contains("step.run"));
}

TEST_F(ClosuresTest, WhatAClosureThrowsFailsTheRunWithMessageAndPlace) {
  const auto text =
      error(R"(await step.run("bad", async () => { throw new TypeError("no good"); });)");
  EXPECT_TRUE(text.contains("no good")) << text;
}

TEST_F(ClosuresTest, AResultThatIsNotJsonIsNamed) {
  EXPECT_TRUE(error(R"(const a: any = {}; a.self = a; await step.run("cyclic", async () => a);)")
                  .contains("cyclic"));
}

TEST_F(ClosuresTest, AResultTooDeepToBeReadAgainIsRefused) {
  EXPECT_TRUE(error(R"(let deep: any = 1; for (let i = 0; i < 3000; i++) deep = [deep];
                       await step.run("deep", async () => deep);)")
                  .contains("nested deeper than 500 levels"));
}

TEST_F(ClosuresTest, FetchReachesALoopbackServer) {
  EXPECT_TRUE(
      error(R"(await step.run("get", async () => { await fetch("http://127.0.0.1:9/"); });)")
          .contains("fetch failed"));
}

TEST_F(ClosuresTest, TheWorkerOffersNothingToTheCodeItself) {
  EXPECT_EQ(result(R"(
    const found: string[] = [];
    const probe = (name: string, f: () => unknown) => { try { const v = f(); if (v !== undefined) found.push(name); } catch {} };
    probe("eval", () => (0, eval)("1"));
    probe("Function", () => new Function("return 1")());
    probe("constructor", () => (async () => {}).constructor("return 1")());
    probe("WebAssembly", () => (globalThis as any).WebAssembly);
    probe("SharedArrayBuffer", () => (globalThis as any).SharedArrayBuffer);
    probe("FinalizationRegistry", () => (globalThis as any).FinalizationRegistry);
    probe("spawn", () => cp.execSync("id"));
    probe("write", () => fs.writeFileSync("/tmp/agentcmd-escaped", "x"));
    try { await fetch("http://127.0.0.1:9/"); found.push("fetch"); } catch (e) { if (!String(e).includes("step.run")) found.push(String(e)); }
    return found;
  )"),
            Json::array());
}

}  // namespace
}  // namespace agentcmd::test
