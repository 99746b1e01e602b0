// Attempts of steps: what throws is tried again, as often as its policy says, across restarts.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

// Its step "flaky" leaves a line in the file `tries` at each attempt, and throws until there are
// as many as the argument `good` says.
class RetryTest : public testing::Test {
 protected:
  void define(std::string_view options, std::string_view around = "return await flaky();") {
    sandbox.define("flaky.ts", fmt::format(R"(
import * as fs from "node:fs";
export default defineWorkflow({{ id: "flaky" }}, async ({{ event, step }}) => {{
  const flaky = () => step.run("flaky", async () => {{
    fs.appendFileSync("tries", "try\n");
    const tries = fs.readFileSync("tries", "utf8").split("\n").length - 1;
    if (tries < event.data.args.good) throw new Error(`not yet, ${{tries}}`);
    return tries;
  }}, {});
  {}
}});
)",
                                           options, around));
  }
  static std::vector<std::string> run(int good) {
    return {"run", "flaky", "--json", "--arg", fmt::format("good={}", good)};
  }
  Json flaky(const std::string& run) const {
    for (const auto& step : sandbox.run(run)["steps"]) {
      if (step["name"] == "flaky") return step;
    }
    return nullptr;
  }

  Sandbox sandbox;
};

TEST_F(RetryTest, AClosureThatThrowsIsTriedAgain) {
  define("{ retry: { attempts: 5, initial: 5 } }");
  const auto finished = sandbox.agentcmd(run(4));
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto result = result_of(finished);
  EXPECT_EQ(result["result"], 4);
  EXPECT_EQ(flaky(result["id"])["attempts"], 4);
}

TEST_F(RetryTest, AfterTheLastAttemptTheErrorIsThrownIntoTheWorkflow) {
  define("{ retry: { attempts: 2, initial: 5 } }",
         "try { await flaky(); } catch (error) { return error.message; }");
  const auto finished = sandbox.agentcmd(run(9));
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "not yet, 2");
}

TEST_F(RetryTest, ThreeAttemptsAreTheDefault) {
  define("{ retry: { initial: 5 } }");
  const auto finished = sandbox.agentcmd(run(9));
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(sandbox.read("tries"), "try\ntry\ntry\n");
}

TEST_F(RetryTest, NamedErrorsAreNotTriedAgain) {
  define(R"({ retry: { initial: 5, nonRetryable: ["Error"] } })");
  EXPECT_EQ(sandbox.agentcmd(run(9)).code, 1);
  EXPECT_EQ(sandbox.read("tries"), "try\n");
}

TEST_F(RetryTest, ARefusedInputIsNotTriedAgain) {
  sandbox.define("bad.ts", R"(
export default defineWorkflow({ id: "bad" }, async ({ step }) => {
  await step.git("bad", { operation: "no-such-operation" });
});
)");
  sandbox.make_repository();
  const auto finished = sandbox.agentcmd({"run", "bad", "--json"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.out.find(R"("retry":true)"), std::string::npos) << finished.out;
}

TEST_F(RetryTest, AStepThatPausesWhenExhaustedIsTriedOnceMoreByEachResume) {
  define(R"({ retry: { attempts: 2, initial: 5 }, onExhausted: "pause" })");
  const auto finished = sandbox.agentcmd(run(4));
  EXPECT_EQ(finished.code, 5) << finished.out << finished.err;
  const std::string id = result_of(finished)["id"];
  EXPECT_EQ(sandbox.read("tries"), "try\ntry\n");
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id, "--json"}).code, 5);
  EXPECT_EQ(sandbox.read("tries"), "try\ntry\ntry\n");
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], 4);
}

TEST_F(RetryTest, AWaitForTheNextAttemptSurvivesAKill) {
  define("{ retry: { attempts: 3, initial: 1500, factor: 1 } }");
  auto running = sandbox.start(run(2));
  const auto failed = Json::parse(running->line_with(R"("StepFailed")"));
  running->signal(SIGKILL);
  running->wait();
  const auto resumed =
      sandbox.agentcmd({"runs", "resume", failed["run"].get<std::string>(), "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], 2);
  EXPECT_EQ(flaky(failed["run"])["attempts"], 2);
}

}  // namespace
}  // namespace agentcmd::test
