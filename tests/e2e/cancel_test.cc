// Cancellation: clean-up runs, compensation in reverse order, and after the end nobody is alive.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

class CancelTest : public testing::Test {
 protected:
  void define(std::string_view body, std::string_view config = "") {
    sandbox.define("one.ts", fmt::format(R"(
import * as fs from "node:fs";
import {{ exec, spawn }} from "node:child_process";
export default defineWorkflow({{ id: "one" {} }}, async ({{ step }}) => {{
  const say = (word) => step.cli(`say-${{word}}`, {{ command: `echo ${{word}} >> said` }});
  {}
}});
)",
                                         config, body));
  }
  Finished cancel_when_begun() {
    auto running = sandbox.start({"run", "one", "--json"});
    wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the step has begun");
    running->signal(SIGINT);
    return running->wait();
  }
  Json status_of(const Json& run, std::string_view name) const {
    for (const auto& step : sandbox.run(run["id"])["steps"]) {
      if (step["name"] == name) return step["status"];
    }
    return nullptr;
  }

  Sandbox sandbox;
};

// A child that has left its session and everybody in it ignore TERM.
constexpr const char* stubborn =
    R"(trap '' TERM; setsid sh -c 'trap "" TERM; touch begun; sleep 1000' & sleep 1000)";

TEST_F(CancelTest, NothingThatAClosureStartedOutlivesTheRun) {
  define(fmt::format("await step.run('hold', () => new Promise((done) => exec({}, done)));",
                     Json(stubborn).dump()));
  const auto finished = cancel_when_begun();
  EXPECT_TRUE(sandbox.processes().empty()) << "the run has ended before its processes";
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
}

TEST_F(CancelTest, NothingThatACommandStartedOutlivesTheRun) {
  define(fmt::format("await step.cli('hold', {{ command: {} }});", Json(stubborn).dump()));
  const auto finished = cancel_when_begun();
  EXPECT_TRUE(sandbox.processes().empty()) << "the run has ended before its processes";
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
}

TEST_F(CancelTest, NothingThatTheLoserOfARaceStartedOutlivesTheRun) {
  define(fmt::format(R"(
    const loser = step.run("loser", () => new Promise((done) => exec({}, done)));
    const winner = step.run("winner", async () => {{
      while (!fs.existsSync("begun")) await new Promise((resolve) => setTimeout(resolve, 20));
      return "won";
    }});
    return await Promise.race([loser, winner]);)",
                     Json(stubborn).dump()));
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  EXPECT_TRUE(sandbox.processes().empty()) << "the run has ended before its processes";
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto run = result_of(finished);
  EXPECT_EQ(run["result"], "won");
  EXPECT_EQ(status_of(run, "loser"), "cancelled");
}

TEST_F(CancelTest, AProcessThatAClosureKillsEndsWhileTheClosureGoesOn) {
  define(R"(
    return await step.run("kill", async () => {
      const until = async (file) => {
        while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      const child = exec("trap 'touch stopped; exit' TERM; touch begun; sleep 1000 & wait", () => {});
      await until("begun");
      child.kill();
      await until("stopped");
      return "gone";
    }, { timeout: 60000 });)");
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "gone");
}

TEST_F(CancelTest, CompensationRunsInReverseOrderAfterTheFinallyBlocks) {
  define(R"(
    step.compensate(() => say("undo-1"));
    step.compensate(() => say("undo-2"));
    try {
      await step.cli("hold", { command: "touch begun; sleep 1000" });
    } finally {
      await say("finally");
    })");
  const auto finished = cancel_when_begun();
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
  EXPECT_EQ(sandbox.read("said"), "finally\nundo-2\nundo-1\n");
}

// Holds a lock for as long as anything of it lives; and says whether that is so.
constexpr const char* deaf =
    "trap '' TERM; exec 9> lock; flock 9; touch begun; sleep 1000 & wait; wait";
constexpr const char* look = "if flock -n lock true; then echo after; else echo beside; fi >> said";

TEST_F(CancelTest, CleanUpBeginsWhenACommandThatIgnoresTermHasEnded) {
  define(fmt::format(R"(
    step.cleanup(() => step.run("second", () => new Promise((done) => exec({1}, done))));
    step.cleanup(() => step.cli("first", {{ command: {1} }}));
    await step.cli("hold", {{ command: {0} }});)",
                     Json(deaf).dump(), Json(look).dump()));
  const auto finished = cancel_when_begun();
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
  EXPECT_EQ(sandbox.read("said"), "after\nafter\n");
}

TEST_F(CancelTest, CleanUpBeginsWhenWhatAClosureStartedHasEnded) {
  define(fmt::format(R"(
    step.cleanup(() => step.run("clean", () => new Promise((done) => exec({1}, done))));
    await step.run("hold", () => new Promise((done) => exec({0}, done)));)",
                     Json(deaf).dump(), Json(look).dump()));
  const auto finished = cancel_when_begun();
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
  EXPECT_EQ(sandbox.read("said"), "after\n");
}

TEST_F(CancelTest, ARunThatWaitsInAPauseIsCancelledWithItsCleanUpAndWithoutDelay) {
  define(R"(
    step.cleanup(() => say("clean"));
    await step.cli("hold", { command: "touch begun; until [ -e go ]; do sleep 0.02; done" });
    await say("more");)");
  auto running = sandbox.start({"run", "one", "--json", "--on-pause", "wait"});
  wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the step has begun");
  const std::string id = sandbox.runs()[0]["id"];
  ASSERT_EQ(sandbox.agentcmd({"runs", "pause", id}).code, 0);
  sandbox.write("go", "");
  running->line_with("RunPaused");
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", id});
  EXPECT_EQ(cancelled.code, 0) << cancelled.out << cancelled.err;
  running->wait();
  EXPECT_EQ(sandbox.read("said"), "clean\n");
}

TEST_F(CancelTest, APauseThatNobodyTookDoesNotKeepACancelledRunFromItsEnd) {
  define(R"(
    step.cleanup(() => say("clean"));
    await step.approve("go", { title: "Go?" });)");
  ASSERT_EQ(sandbox.agentcmd({"run", "one", "--json"}).code, 4);
  const std::string id = sandbox.runs()[0]["id"];
  sandbox.agentcmd({"runs", "pause", id});
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", id});
  EXPECT_EQ(cancelled.code, 0) << cancelled.out << cancelled.err;
  EXPECT_EQ(sandbox.runs()[0]["status"], "cancelled");
  EXPECT_EQ(sandbox.read("said"), "clean\n");
}

TEST_F(CancelTest, ARunWhoseCodeCannotGoOnIsCancelledWithoutIt) {
  define(R"(
    await step.cli("hold", { command: "true" });
    const all = [];
    while (true) all.push(new Array(1e6).fill(all.length));)");
  const auto paused = sandbox.agentcmd({"run", "one", "--json"});
  ASSERT_EQ(paused.code, 5) << paused.out << paused.err;
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", sandbox.runs()[0]["id"]});
  EXPECT_EQ(cancelled.code, 0) << cancelled.out << cancelled.err;
  EXPECT_EQ(sandbox.runs()[0]["status"], "cancelled");
}

TEST_F(CancelTest, AFailureIsCompensatedToo) {
  define(R"(
    step.compensate(() => say("undo-1"));
    step.cleanup(() => say("clean"));
    step.compensate(() => say("undo-2"));
    throw new Error("no");)");
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  EXPECT_EQ(finished.code, 1) << finished.out << finished.err;
  EXPECT_EQ(sandbox.read("said"), "undo-2\nclean\nundo-1\n");
}

TEST_F(CancelTest, ARunThatTakesTooLongFailsWithATimeoutErrorAfterItsCleanUp) {
  define(R"(
    try {
      await step.cli("slow", { command: "sleep 1000" });
    } catch (error) {
      await step.cli("clean", { command: "echo $NAME >> said", env: { NAME: error.name } });
    }
    return "not this";)",
         ", timeout: 700");
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  EXPECT_EQ(finished.code, 1) << finished.out << finished.err;
  const auto run = result_of(finished);
  EXPECT_EQ(run["status"], "failed");
  EXPECT_EQ(run["error"]["name"], "TimeoutError") << run;
  EXPECT_TRUE(run["error"]["message"].dump().contains("its timeout of 700 ms")) << run;
  EXPECT_EQ(sandbox.read("said"), "TimeoutError\n");
  EXPECT_EQ(status_of(run, "slow"), "cancelled");
  EXPECT_TRUE(sandbox.processes().empty());
}

}  // namespace
}  // namespace agentcmd::test
