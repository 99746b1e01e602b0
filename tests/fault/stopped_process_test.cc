// SIGSTOP of the processes that a driver relies on: who is continued goes on, who is not is
// replaced, or let go on when its time is over.

#include "support/processes.h"
#include "support/sandbox.h"

#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view worker_name = "agentcmd-worker";
constexpr const char* until_go =
    "{ command: 'echo before; touch begun; while [ ! -e go ]; do sleep 0.02; done; echo after' }";

class StoppedTest : public testing::Test {
 protected:
  void define(const std::string& body) {
    sandbox.define("one.ts",
                   "import * as fs from 'node:fs';\n"
                   "export default defineWorkflow({ id: 'one' }, async ({ step }) => {" +
                       body + "});");
  }
  void start() {
    running = sandbox.start({"run", "one", "--json"});
    wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the step has begun");
  }
  void go() { sandbox.write("go", ""); }
  std::string id() const { return sandbox.runs().at(0)["id"]; }
  pid_t worker() const { return child_named(running->pid(), worker_name); }
  Json finish() {
    const auto finished = running->wait();
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished);
  }

  Sandbox sandbox;
  std::unique_ptr<Running> running;
};

TEST_F(StoppedTest, AWorkerThatIsContinuedGoesOn) {
  define(std::string("const r = await step.cli('wait', ") + until_go + "); return r.data.stdout;");
  start();
  const pid_t stopped = worker();
  ASSERT_GT(stopped, 0);
  kill(stopped, SIGSTOP);
  go();
  wait_until([&] { return sandbox.run(id())["steps"].dump().contains("completed"); },
             "what needs no worker goes on");
  kill(stopped, SIGCONT);
  EXPECT_EQ(finish()["result"], "before\nafter");
}

TEST_F(StoppedTest, AWorkerThatStaysStoppedIsReplaced) {
  define(std::string("const r = await step.cli('wait', ") + until_go + "); return r.data.stdout;");
  start();
  kill(worker(), SIGSTOP);
  go();
  EXPECT_EQ(finish()["result"], "before\nafter");
}

TEST_F(StoppedTest, AClosureInAWorkerThatStaysStoppedIsRunAgain) {
  define(R"(
    return await step.run("effects", async () => {
      fs.appendFileSync("begun", "x");
      while (!fs.existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 20));
      return fs.readFileSync("begun", "utf8");
    });)");
  start();
  kill(worker(), SIGSTOP);
  go();
  const auto ended = finish();
  EXPECT_EQ(ended["result"], "xx");
  const auto history = sandbox.agentcmd({"runs", "history", id(), "--json"});
  EXPECT_TRUE(history.out.contains("StepLost")) << "what was done twice is said";
}

TEST_F(StoppedTest, ASupervisorThatIsContinuedLosesNothing) {
  define(std::string("const r = await step.cli('wait', ") + until_go + "); return r.data.stdout;");
  start();
  const pid_t supervisor = supervisor_of(sandbox, id(), "wait");
  ASSERT_GT(supervisor, 0);
  kill(supervisor, SIGSTOP);
  go();
  kill(supervisor, SIGCONT);
  EXPECT_EQ(finish()["result"], "before\nafter");
}

TEST_F(StoppedTest, ASupervisorThatStaysStoppedStillTimesOut) {
  define(
      "try { await step.cli('wait', { command: 'touch begun; sleep 1000' }, { timeout: 300 }); }"
      "catch (error) { return error.message; }");
  start();
  // In time, or the attempt has ended already; both are the same to the workflow.
  if (const pid_t supervisor = supervisor_of(sandbox, id(), "wait")) kill(supervisor, SIGSTOP);
  EXPECT_TRUE(finish()["result"].dump().contains("exceeded its attempt timeout"));
  EXPECT_TRUE(sandbox.processes().empty());
}

TEST_F(StoppedTest, ASupervisorThatStaysStoppedStillObeysACancel) {
  define("await step.cli('wait', { command: 'touch begun; sleep 1000' });");
  start();
  const pid_t supervisor = supervisor_of(sandbox, id(), "wait");
  ASSERT_GT(supervisor, 0);
  kill(supervisor, SIGSTOP);
  running->signal(SIGINT);
  const auto finished = running->wait();
  EXPECT_EQ(result_of(finished)["status"], "cancelled") << finished.out << finished.err;
  EXPECT_TRUE(sandbox.processes().empty());
}

}  // namespace
}  // namespace agentcmd::test
