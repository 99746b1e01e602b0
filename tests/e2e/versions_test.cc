// Histories against code: export and replay, the check of live runs before a change, and a run
// whose code went astray and is healed.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

class VersionsTest : public testing::Test {
 protected:
  // A definition whose second step is `second`; it stands in line 5.
  void define_two(const std::string& second) const {
    sandbox.define("two.ts", fmt::format(R"(// two steps
export default defineWorkflow({{ id: "two" }}, async ({{ step }}) => {{
  const n = await step.run("first", () => 1);
  await step.log("between");
  await step.run("{}", () => n + 1);
  return 12345678901234567890123;
}});
)",
                                         second));
  }

  std::string run_to_end(const std::string& definition) const {
    const auto finished = sandbox.agentcmd({"run", definition, "--json"});
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished)["id"];
  }

  std::filesystem::path export_of(const std::string& run, bool bundle = false) const {
    const auto file = sandbox.root / (run + ".json");
    std::vector<std::string> words{"runs", "export", run, "--out", file.string()};
    if (bundle) words.emplace_back("--bundle");
    const auto finished = sandbox.agentcmd(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return file;
  }

  Finished replay(const std::filesystem::path& history, bool json = false) const {
    std::vector<std::string> words{"replay", history.string(), "--definition",
                                   ".agent/workflows/definitions/two.ts"};
    if (json) words.emplace_back("--json");
    return sandbox.agentcmd(words);
  }

  // Starts the definition and kills its driver when its step has made the file `reached`.
  std::string interrupted(const std::string& definition) const {
    auto running = sandbox.start({"run", definition, "--json"});
    const auto created = Json::parse(running->line_with(R"("RunStarted")"));
    wait_until([&] { return std::filesystem::exists(sandbox.project / "reached"); },
               "the step begins");
    running->signal(SIGKILL);
    running->wait();
    return created["run"];
  }

  Json why(const std::string& run) const {
    const auto finished = sandbox.agentcmd({"runs", "why", run, "--json"});
    EXPECT_EQ(finished.code, 0) << finished.err;
    return Json::parse(finished.out);
  }

  Sandbox sandbox;
};

TEST_F(VersionsTest, ARunKnowsItsIdTheSameInEveryReplay) {
  sandbox.define("self.ts", R"(
export default defineWorkflow({ id: "self" }, async ({ event, step }) => {
  await step.run(`of ${event.data.runId}`, () => 1);
  step.onQuery("me", () => event.data.runId);
  return event.data.runId;
});
)");
  const auto id = run_to_end("self");
  EXPECT_EQ(sandbox.run(id)["result"], id);
  EXPECT_EQ(sandbox.agentcmd({"runs", "query", id, "me"}).out, id + "\n");
  const auto replayed = sandbox.agentcmd({"replay", export_of(id, true).string()});
  EXPECT_EQ(replayed.code, 0) << replayed.out << replayed.err;
}

TEST_F(VersionsTest, AnExportedHistoryReplaysAgainstTheSameCode) {
  define_two("second");
  const auto history = export_of(run_to_end("two"));
  const auto same = replay(history, true);
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  const auto verdict = Json::parse(same.out);
  EXPECT_EQ(verdict["matches"], true);
  EXPECT_EQ(verdict["commands"], 4) << "set-up, two steps, finalise";
}

TEST_F(VersionsTest, AReplayNamesBothSidesAndTheLineOfTheFirstDifference) {
  define_two("second");
  const auto history = export_of(run_to_end("two"));
  define_two("other");
  const auto words = replay(history);
  EXPECT_EQ(words.code, 1);
  EXPECT_TRUE(words.out.contains("would break")) << words.out;
  const auto verdict = Json::parse(replay(history, true).out);
  EXPECT_EQ(verdict["matches"], false);
  const auto& mismatch = verdict["mismatch"];
  EXPECT_EQ(mismatch["index"], 2);
  EXPECT_EQ(mismatch["expected"]["key"], "second");
  EXPECT_EQ(mismatch["found"]["key"], "other");
  EXPECT_TRUE(
      std::string(mismatch["found"]["place"]).starts_with(".agent/workflows/definitions/two.ts:5:"))
      << mismatch;
}

TEST_F(VersionsTest, AReplayThatCannotBeDoneHasAnExitCodeOfItsOwn) {
  define_two("second");
  const auto id = run_to_end("two");
  EXPECT_EQ(replay(sandbox.root / "missing.json").code, 2);
  std::ofstream(sandbox.root / "no.json") << "{}";
  EXPECT_EQ(replay(sandbox.root / "no.json").code, 2);
  auto damaged = Json::parse(sandbox.agentcmd({"runs", "export", id}).out);
  damaged["events"].erase(3);
  std::ofstream(sandbox.root / "damaged.json") << damaged.dump();
  EXPECT_EQ(replay(sandbox.root / "damaged.json").code, 2);
  const auto bare = sandbox.agentcmd({"replay", export_of(id).string()});
  EXPECT_EQ(bare.code, 2);
  EXPECT_TRUE(bare.err.contains("--definition")) << bare.err;
  sandbox.define("two.ts", "export default defineWorkflow({");
  EXPECT_EQ(replay(export_of(id)).code, 2);
}

TEST_F(VersionsTest, AnExportWithItsBundleReplaysByItself) {
  define_two("second");
  const auto history = export_of(run_to_end("two"), true);
  std::filesystem::remove_all(sandbox.home);
  const auto alone = sandbox.agentcmd({"replay", history.string()});
  EXPECT_EQ(alone.code, 0) << alone.out << alone.err;
}

TEST_F(VersionsTest, AnExportKeepsPayloadsAsTheyCame) {
  define_two("second");
  const auto id = run_to_end("two");
  const auto document = Json::parse(sandbox.agentcmd({"runs", "export", id, "--json"}).out);
  EXPECT_EQ(document["format"], "agentcmd-history");
  EXPECT_EQ(document["run"], id);
  EXPECT_EQ(document["file"], ".agent/workflows/definitions/two.ts");
  EXPECT_EQ(document["events"].size(), sandbox.run(id)["events"].get<std::size_t>());
  EXPECT_EQ(document["events"].back()["payload"], "1.2345678901234568e+22");
  EXPECT_EQ(sandbox.agentcmd({"runs", "export", id, "--out", "no/such/folder"}).code, 2);
}

TEST_F(VersionsTest, TheCheckAgainstLiveSaysWhichRunsWouldBreakAndWhere) {
  define_two("second");
  const auto old = run_to_end("two");
  const std::vector<std::string> check{"definitions", "check", "--against-live", "--json"};
  const auto fine = sandbox.agentcmd(check);
  EXPECT_EQ(fine.code, 0) << fine.out << fine.err;
  define_two("third");
  const auto young = run_to_end("two");
  const auto broken = sandbox.agentcmd(check);
  EXPECT_EQ(broken.code, 1);
  const auto runs = Json::parse(broken.out)["runs"];
  ASSERT_EQ(runs.size(), 2U);
  for (const auto& run : runs) {
    EXPECT_EQ(run["matches"], run["run"] == young) << run;
    if (run["run"] == old) {
      EXPECT_EQ(run["mismatch"]["expected"]["key"], "second");
      EXPECT_EQ(run["mismatch"]["found"]["key"], "third");
    }
  }
  const auto none = sandbox.agentcmd({"definitions", "check", "--against-live", "--recent", "0"});
  EXPECT_EQ(none.code, 0) << "only live runs count then: " << none.out;
}

// What a closure leaves behind in the body's variables is not there in a replay.
constexpr std::string_view astray = R"(
export default defineWorkflow({ id: "astray" }, async ({ step }) => {
  let fast = false;
  await step.run("look", () => { fast = true; });
  const n = await step.run(fast ? "quick" : "slow", () => 1);
  await step.cli("hold", { command: "touch reached; until [ -e go ]; do sleep 0.05; done" });
  return n;
});
)";
constexpr std::string_view mended = R"(
export default defineWorkflow({ id: "astray" }, async ({ step }) => {
  await step.run("look", () => true);
  const n = await step.run("quick", () => 1);
  await step.cli("hold", { command: "touch reached; until [ -e go ]; do sleep 0.05; done" });
  return n + 1;
});
)";

TEST_F(VersionsTest, ARunThatWentAstrayPausesWithBothSidesAndIsHealedByTheMendedCode) {
  sandbox.define("astray.ts", astray);
  const auto id = interrupted("astray");
  const auto paused = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(paused.code, 5) << paused.out << paused.err;

  const auto said = why(id);
  EXPECT_EQ(said["waits"][0]["what"], "pause");
  const auto& detail = said["waits"][0]["detail"];
  EXPECT_EQ(detail["expected"]["key"], "quick");
  EXPECT_EQ(detail["found"]["key"], "slow");
  EXPECT_TRUE(std::string(detail["found"]["place"])
                  .starts_with(".agent/workflows/definitions/astray.ts:5:"))
      << detail;
  const std::string text = said["waits"][0]["text"];
  EXPECT_TRUE(text.contains("'quick' (run)") && text.contains("'slow' (run)") &&
              text.contains("astray.ts:5:"))
      << text;

  // Code that does not fit either is refused, and the run stays as it was.
  const auto before = sandbox.run(id);
  sandbox.define("astray.ts", astray);
  const auto refused = sandbox.agentcmd({"runs", "resume", id, "--code", "now"});
  EXPECT_EQ(refused.code, 2) << refused.out << refused.err;
  EXPECT_TRUE(refused.err.contains("stays as it was") && refused.err.contains("astray.ts:5:"))
      << refused.err;
  EXPECT_EQ(sandbox.run(id), before);

  sandbox.define("astray.ts", mended);
  sandbox.write("go", "");
  const auto healed = sandbox.agentcmd({"runs", "resume", id, "--code", "now", "--json"});
  ASSERT_EQ(healed.code, 0) << healed.out << healed.err;
  EXPECT_EQ(result_of(healed)["result"], 2);
  const auto document = Json::parse(sandbox.agentcmd({"runs", "export", id}).out);
  EXPECT_NE(document["code_hash"], before["code_hash"]) << "the new pin is recorded";
}

TEST_F(VersionsTest, CodeNowChangesARunThatWasOnlyInterrupted) {
  std::string first(mended);
  sandbox.define("astray.ts", first);
  const auto id = interrupted("astray");
  sandbox.define("astray.ts", first.replace(first.find("n + 1"), 5, "n + 41"));
  sandbox.write("go", "");
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--code", "now", "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], 42);
}

TEST_F(VersionsTest, ALiveDriverThatWaitsInAPauseTakesTheNewCode) {
  std::string first(mended);
  sandbox.define("astray.ts", first);
  auto running = sandbox.start({"run", "astray", "--json", "--on-pause", "wait"});
  const std::string id = Json::parse(running->line_with(R"("RunStarted")"))["run"];
  wait_until([&] { return std::filesystem::exists(sandbox.project / "reached"); },
             "the step begins");
  ASSERT_EQ(sandbox.agentcmd({"runs", "pause", id}).code, 0);
  running->line_with(R"("RunPaused")");
  sandbox.define("astray.ts", astray);
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id, "--code", "now"}).code, 2);
  EXPECT_EQ(sandbox.run(id)["status"], "paused");
  sandbox.define("astray.ts", first.replace(first.find("n + 1"), 5, "n + 41"));
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--code", "now"});
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  running->line_with(R"("RunResumed")");
  sandbox.write("go", "");
  const auto finished = running->wait();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], 42);
}

TEST_F(VersionsTest, WhySaysWhoDrivesARunAndWhatItWaitsFor) {
  sandbox.define("nap.ts", R"(
export default defineWorkflow({ id: "nap" }, async ({ step }) => { await step.sleep("nap", "1h"); });
)");
  auto running = sandbox.start({"run", "nap", "--json"});
  const std::string id = Json::parse(running->line_with(R"("TimerStarted")"))["run"];
  auto said = why(id);
  EXPECT_EQ(said["driver"], fmt::format("process {}", running->pid()));
  ASSERT_EQ(said["waits"].size(), 1U) << said;
  EXPECT_EQ(said["waits"][0]["what"], "timer");
  EXPECT_TRUE(said["waits"][0]["until"].is_string());
  running->signal(SIGKILL);
  running->wait();
  said = why(id);
  EXPECT_EQ(said["driven"], false);
  ASSERT_EQ(said["waits"].size(), 2U) << said;
  EXPECT_EQ(said["waits"][0]["what"], "driver");
  EXPECT_EQ(said["waits"][0]["commands"][0], "agentcmd runs resume " + id);
  EXPECT_TRUE(said["stuck"].empty());
  const auto words = sandbox.agentcmd({"runs", "why", id});
  EXPECT_TRUE(words.out.contains("No process drives the run")) << words.out;
}

constexpr std::string_view asked = R"(
export default defineWorkflow({ id: "asked" }, async ({ step }) => {
  const seen = [];
  step.onQuery("seen", (args) => ({ seen, from: args?.from ?? null }));
  step.onQuery("throws", () => { throw new Error("not now"); });
  seen.push(await step.run("one", () => 1));
  await step.cli("hold", { command: "touch reached; until [ -e go ]; do sleep 0.05; done" });
  seen.push(await step.run("two", () => 2));
});
)";

TEST_F(VersionsTest, AQueryIsAnsweredWhetherAnybodyDrivesTheRunOrNot) {
  sandbox.define("asked.ts", asked);
  auto running = sandbox.start({"run", "asked", "--json"});
  const std::string id = Json::parse(running->line_with(R"("RunStarted")"))["run"];
  wait_until([&] { return std::filesystem::exists(sandbox.project / "reached"); },
             "the step begins");
  const std::vector<std::string> query{"runs",  "query", id, "seen", "--args", R"({"from":"me"})",
                                       "--json"};
  const auto live = sandbox.agentcmd(query);
  EXPECT_EQ(live.out, "{\"seen\":[1],\"from\":\"me\"}\n") << live.err;
  running->signal(SIGKILL);
  running->wait();
  EXPECT_EQ(sandbox.agentcmd(query).out, live.out) << "nobody drives it";
  const auto before = sandbox.run(id);
  EXPECT_EQ(sandbox.agentcmd({"runs", "query", id, "seen"}).code, 0);
  EXPECT_EQ(sandbox.run(id), before) << "a query leaves nothing behind";
  sandbox.write("go", "");
  ASSERT_EQ(sandbox.agentcmd({"runs", "resume", id, "--json"}).code, 0);
  EXPECT_EQ(Json::parse(sandbox.agentcmd(query).out)["seen"], Json::parse("[1,2]"))
      << "it has ended";
}

TEST_F(VersionsTest, AQueryThatCannotBeAnsweredSaysWhy) {
  sandbox.define("asked.ts", asked);
  sandbox.write("go", "");
  const auto id = run_to_end("asked");
  const auto unknown = sandbox.agentcmd({"runs", "query", id, "sean"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(unknown.err.contains("seen")) << unknown.err;
  const auto thrown = sandbox.agentcmd({"runs", "query", id, "throws"});
  EXPECT_EQ(thrown.code, 1);
  EXPECT_TRUE(thrown.err.contains("not now")) << thrown.err;
  EXPECT_EQ(sandbox.agentcmd({"runs", "query", id, "seen", "--args", "{"}).code, 2);
}

// A closure that is open is begun by no replay.
TEST_F(VersionsTest, AReplayHasNoEffects) {
  sandbox.define("effect.ts", R"(
import * as fs from "node:fs";
import { execSync } from "node:child_process";
export default defineWorkflow({ id: "effect" }, async ({ step }) => {
  await step.run("done", () => fs.appendFileSync("log", "done\n"));
  await step.run("open", () => {
    fs.appendFileSync("log", "open\n");
    execSync("touch reached; until [ -e go ]; do sleep 0.05; done");
  });
});
)");
  const auto id = interrupted("effect");
  const auto check = sandbox.agentcmd({"definitions", "check", "--against-live", "--json"});
  EXPECT_EQ(check.code, 0) << check.out;
  EXPECT_EQ(Json::parse(check.out)["runs"][0]["matches"], true);
  EXPECT_EQ(sandbox.read("log"), "done\nopen\n");
}

}  // namespace
}  // namespace agentcmd::test
