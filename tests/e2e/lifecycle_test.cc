// Who executes a run, and how it is cancelled, left, detached and taken up again.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Waits for the file `go` in its working directory, with a grandchild that leaves session and
// ignores TERM.
constexpr std::string_view waiting = R"(
export default defineWorkflow({ id: "waiting" }, async ({ step }) => {
  try {
    await step.cli("wait", { command:
      "(trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & ) ; touch started; " +
      "while [ ! -e go ]; do sleep 0.02; done; echo went" });
  } finally {
    await step.cli("clean-up", { command: "touch cleaned" });
  }
  return "done";
});
)";

class LifecycleTest : public testing::Test {
 protected:
  LifecycleTest() {
    sandbox.define("waiting.ts", waiting);
    sandbox.make_repository();
  }
  void wait_for(const fs::path& file) {
    wait_until([&] { return fs::exists(sandbox.project / file); }, file.string() + " exists");
  }
  std::string only_run() { return sandbox.runs().at(0)["id"]; }
  void expect_nothing_runs() {
    wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
  }
  Sandbox sandbox;
};

TEST_F(LifecycleTest, TheFirstCtrlCCancelsWithCleanUpAndNoProcessIsLeft) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGINT);
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "cancelled");
  EXPECT_TRUE(fs::exists(sandbox.project / "cleaned")) << "finally ran as clean-up";
  expect_nothing_runs();
}

TEST_F(LifecycleTest, TermLeavesTheRunAsItIsAndResumeHarvestsIt) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGTERM);
  running->wait();
  const auto id = only_run();
  EXPECT_EQ(sandbox.run(id)["status"], "running");
  EXPECT_FALSE(fs::exists(sandbox.project / "cleaned"));
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
  const auto run = sandbox.run(id);
  EXPECT_EQ(run["steps"].dump().find("\"attempts\":2"), std::string::npos)
      << "re-attached, not repeated";
}

TEST_F(LifecycleTest, CancelFromAnotherTerminalReachesTheDriver) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  const auto id = only_run();
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", id});
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  EXPECT_EQ(running->wait().code, 1);
  EXPECT_EQ(sandbox.run(id)["status"], "cancelled");
  expect_nothing_runs();
}

TEST_F(LifecycleTest, CancelOfARunWithoutDriverIsCarriedOutByTheCaller) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  const auto id = only_run();
  EXPECT_EQ(sandbox.agentcmd({"runs", "cancel", id}).code, 0);
  EXPECT_EQ(sandbox.run(id)["status"], "cancelled");
  expect_nothing_runs();
}

TEST_F(LifecycleTest, ALiveDriversRunIsNotTouched) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  const auto resumed = sandbox.agentcmd({"runs", "resume", only_run()});
  EXPECT_NE(resumed.code, 0);
  EXPECT_TRUE(resumed.err.contains(fmt::to_string(running->pid()))) << resumed.err;
  sandbox.write("go", "");
  EXPECT_EQ(running->wait().code, 0);
}

TEST_F(LifecycleTest, InterruptedRunsAreMentionedInOneLine) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  const auto listed = sandbox.agentcmd({"runs", "list"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_TRUE(listed.err.contains("interrupted")) << listed.err;
}

TEST_F(LifecycleTest, DetachLeavesTheExecutingProcessInTheBackground) {
  const auto detached = sandbox.agentcmd({"run", "waiting", "--detach", "--json"});
  ASSERT_EQ(detached.code, 0) << detached.err;
  const auto id = only_run();
  EXPECT_TRUE(detached.out.contains(id)) << detached.out;
  wait_for("started");
  sandbox.write("go", "");
  wait_until([&] { return sandbox.run(id)["status"] == "completed"; }, "the run completes");
}

TEST_F(LifecycleTest, WhatARunInTheBackgroundSaysIsItsIdAndNothingElse) {
  sandbox.write("go", "");
  const auto plain = sandbox.agentcmd({"run", "waiting", "--detach"});
  EXPECT_EQ(plain.code, 0);
  EXPECT_EQ(plain.out, only_run() + "\n");
  EXPECT_EQ(plain.err, "");
  wait_until([&] { return sandbox.run(only_run())["status"] == "completed"; }, "the run completes");
  const auto json = sandbox.agentcmd({"run", "waiting", "--detach", "--json"});
  const auto document = Json::parse(json.out);
  EXPECT_EQ(document["type"], "detached");
  const std::string id = document["run"]["id"];
  EXPECT_EQ(json.err, "");
  wait_until([&] { return sandbox.run(id)["status"] == "completed"; }, "that one, too");
}

TEST_F(LifecycleTest, LogsCanBeFollowedFromAnotherTerminal) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  auto follower = sandbox.start({"runs", "logs", only_run(), "--follow"});
  sandbox.write("go", "");
  EXPECT_FALSE(follower->line_with("went").empty());
  EXPECT_EQ(follower->wait().code, 0);
  EXPECT_EQ(running->wait().code, 0);
}

TEST_F(LifecycleTest, FourDriversShareOneHome) {
  sandbox.define("many.ts", R"(
export default defineWorkflow({ id: "many" }, async ({ step }) => {
  let sum = 0;
  for (let i = 0; i < 100; i++) sum += await step.run("n", async () => i);
  return sum;
});
)");
  std::vector<std::unique_ptr<Running>> all;
  for (int i = 0; i < 4; ++i) all.push_back(sandbox.start({"run", "many", "--json"}));
  for (auto& running : all) {
    const auto finished = running->wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(result_of(finished)["result"], 4950);
  }
}

TEST_F(LifecycleTest, TwoResumesOfOneRunDoNotBothExecuteIt) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  const auto id = only_run();
  auto first = sandbox.start({"runs", "resume", id, "--json"});
  auto second = sandbox.start({"runs", "resume", id, "--json"});
  sandbox.write("go", "");
  const auto a = first->wait();
  const auto b = second->wait();
  EXPECT_TRUE(a.code == 0 || b.code == 0) << a.err << b.err;
  const auto run = sandbox.run(id);
  EXPECT_EQ(run["status"], "completed");
}

TEST_F(LifecycleTest, ARunWhoseSupervisorIsGoneTooAsksBeforeItRepeatsACommand) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  for (const auto pid : sandbox.processes()) kill(pid, SIGKILL);
  expect_nothing_runs();
  const auto id = only_run();
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(resumed.code, 5) << resumed.out << resumed.err;
  auto run = sandbox.run(id);
  EXPECT_EQ(run["status"], "paused");
  sandbox.write("go", "");
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id, "--json"}).code, 0);
  run = sandbox.run(id);
  EXPECT_EQ(run["status"], "completed");
  EXPECT_TRUE(sandbox.agentcmd({"runs", "history", id}).out.contains("StepLost"));
}

TEST_F(LifecycleTest, ASupervisorKilledUnderALiveDriverPausesTheRunInsteadOfFailingIt) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  // The outermost supervisor is the first of them.
  auto pids = sandbox.processes();
  std::ranges::sort(pids);
  const auto supervisor = std::ranges::find_if(pids, [](pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
    std::string line;  // its arguments, each with a zero behind it
    return std::getline(file, line) && line.contains("agentcmd-supervise");
  });
  ASSERT_NE(supervisor, pids.end());
  kill(*supervisor, SIGKILL);
  EXPECT_EQ(running->wait().code, 5);
  expect_nothing_runs();
  const auto id = only_run();
  EXPECT_EQ(sandbox.run(id)["status"], "paused");
  EXPECT_TRUE(sandbox.agentcmd({"runs", "history", id}).out.contains("StepLost"));
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
}

TEST_F(LifecycleTest, ClosedStandardStreamsAreNotTakenByFilesOfTheRun) {
  const auto binary = fs::read_symlink("/proc/self/exe").parent_path() / "agentcmd";
  const auto finished = sandbox.exec(
      {"sh", "-c",
       "\"$0\" run waiting <&- >&- 2>&- & p=$!; while [ ! -e started ]; do sleep 0.02; done; "
       "for n in 0 1 2; do readlink /proc/$p/fd/$n; done; touch go; wait $p; echo $?",
       binary.string()});
  EXPECT_EQ(finished.out, "/dev/null\n/dev/null\n/dev/null\n0\n") << finished.err;
}

TEST_F(LifecycleTest, ChangedCodePausesTheRunOnlyWhenItIsReplacedOnPurpose) {
  // A run is pinned to its bundle: editing the file changes nothing for it.
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  sandbox.define("waiting.ts",
                 "export default defineWorkflow({ id: 'waiting' }, async () => 'other');");
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"runs", "resume", only_run(), "--json"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
}

}  // namespace
}  // namespace agentcmd::test
