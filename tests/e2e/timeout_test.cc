// The timeouts of steps and runs, with real processes, also across a kill of the driver.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

class TimeoutTest : public testing::Test {
 protected:
  void define(std::string_view body, std::string_view config = "") {
    sandbox.define("one.ts", fmt::format(R"(
import * as fs from "node:fs";
export default defineWorkflow({{ id: "one" {} }}, async ({{ event, step }}) => {{
  const thrown = (promise) => promise.then(
    (value) => ({{ value }}), (error) => ({{ name: error.name, message: error.message }}));
  {}
}});
)",
                                         config, body));
  }
  Json run() {
    const auto finished = sandbox.agentcmd({"run", "one", "--json"});
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished);
  }
  Json step_of(const Json& run, std::string_view name) const {
    for (const auto& step : sandbox.run(run["id"])["steps"]) {
      if (step["name"] == name) return step;
    }
    return nullptr;
  }

  Sandbox sandbox;
};

TEST_F(TimeoutTest, TheTotalEndsAnAttemptThatRuns) {
  define("return thrown(step.cli('slow', { command: 'sleep 1000' }, { totalTimeout: 300 }));");
  const auto ended = run();
  EXPECT_EQ(ended["result"]["name"], "TimeoutError");
  EXPECT_TRUE(ended["result"]["message"].dump().contains(
      "exceeded its total timeout of 300 ms: attempt 1 was running"))
      << ended["result"];
  EXPECT_EQ(step_of(ended, "slow")["status"], "timed_out");
  EXPECT_TRUE(sandbox.processes().empty());
}

TEST_F(TimeoutTest, TheTotalEndsTheWaitForARetry) {
  define(R"(return thrown(step.run('flaky', () => { throw new Error("no route"); },
    { totalTimeout: 300, retry: { initial: 3600000 } }));)");
  const auto ended = run();
  EXPECT_TRUE(ended["result"]["message"].dump().contains("the last error was: no route"))
      << ended["result"];
  const auto attempts = step_of(ended, "flaky")["attempt_list"];
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0]["outcome"], "failed");
  EXPECT_EQ(attempts[0]["cause"], "no route");
}

TEST_F(TimeoutTest, AStepWaitsForASlotOnlySoLong) {
  define(R"(
  const until = { command: "while [ ! -e go ]; do sleep 0.02; done" };
  const busy = Array.from({ length: 8 }, (_, i) => step.cli(`busy-${i}`, until));
  const late = await thrown(step.cli("late", { command: "echo never >> late" }, { queueTimeout: 200 }));
  await step.run("go", () => fs.writeFileSync("go", ""));
  await Promise.all(busy);
  return late;)");
  const auto ended = run();
  EXPECT_EQ(ended["result"]["name"], "TimeoutError");
  EXPECT_TRUE(ended["result"]["message"].dump().contains(
      "exceeded its queue timeout of 200 ms: no slot became free"))
      << ended["result"];
  EXPECT_EQ(sandbox.read("late"), "");
  EXPECT_EQ(step_of(ended, "late")["attempts"], 0);
}

TEST_F(TimeoutTest, AClosureThatHangsIsGivenUpAndItsProcessesEnd) {
  sandbox.define("one.ts", R"(
import { exec } from "node:child_process";
export default defineWorkflow({ id: "one" }, async ({ step }) => {
  try {
    await step.run("hang", async () => {
      await new Promise((resolve) => exec("sleep 1000", resolve));
      await new Promise(() => {});
    }, { timeout: 300 });
  } catch (error) { return { name: error.name, message: error.message }; }
});
)");
  const auto ended = run();
  EXPECT_EQ(ended["result"]["name"], "TimeoutError");
  EXPECT_TRUE(ended["result"]["message"].dump().contains("attempt timeout of 300 ms"));
  EXPECT_TRUE(sandbox.processes().empty());
}

TEST_F(TimeoutTest, ATimedOutAttemptIsTriedAgainWhereThePolicySaysSo) {
  define(R"(
  return thrown(step.cli("slow", { command: "sleep 1000" },
    { timeout: 200, retry: { attempts: 2, initial: 1, timeouts: true } }));)");
  const auto ended = run();
  EXPECT_EQ(ended["result"]["name"], "TimeoutError");
  const auto attempts = step_of(ended, "slow")["attempt_list"];
  ASSERT_EQ(attempts.size(), 2U);
  for (const auto& attempt : attempts) {
    EXPECT_EQ(attempt["outcome"], "timed_out");
    EXPECT_TRUE(std::filesystem::is_directory(attempt["logs"].get<std::string>())) << attempt;
  }
  const auto shown = sandbox.agentcmd({"runs", "show", ended["id"]});
  EXPECT_TRUE(shown.out.contains("attempt 1  timed_out after")) << shown.out;
}

// The time counts from when the step was scheduled, and not from when it is found again.
TEST_F(TimeoutTest, TheTotalHoldsAcrossAKillOfTheDriver) {
  define(
      "return thrown(step.cli('slow', { command: 'touch begun; sleep 1000' }, { totalTimeout: 700 "
      "}));");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until([&] { return std::filesystem::exists(sandbox.project / "begun"); }, "it begins");
  running->signal(SIGKILL);
  running->wait();
  const std::string id = sandbox.runs().at(0)["id"];
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["name"], "TimeoutError");
  const auto attempts = step_of(result_of(finished), "slow")["attempt_list"];
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0]["outcome"], "timed_out");
  EXPECT_TRUE(sandbox.processes().empty());
}

}  // namespace
}  // namespace agentcmd::test
