// A step whose attempt is lost (driver and supervisor are both killed): what becomes of it is its
// option onLost.

#include "support/processes.h"
#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Its step "deploy" leaves a line in the file `ran` at each attempt; the first one never ends.
class LossTest : public testing::Test {
 protected:
  void define(std::string_view options) {
    sandbox.define("one.ts", fmt::format(R"(
import * as fs from "node:fs";
export default defineWorkflow({{ id: "one" }}, async ({{ step }}) => {{
  try {{
    const result = await step.cli("deploy",
      {{ command: "echo run >> ran; touch begun; [ -e fast ] || sleep 1000" }}, {});
    return {{ success: result.success, data: result.data }};
  }} catch (error) {{
    return {{ name: error.name, message: error.message }};
  }}
}});
)",
                                         options));
  }
  // Returns when driver, supervisor and command are gone.
  void lose() {
    auto running = sandbox.start({"run", "one", "--json"});
    wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the step has begun");
    running->signal(SIGKILL);
    running->wait();
    id = sandbox.runs().at(0)["id"];
    const pid_t supervisor = supervisor_of(sandbox, id, "deploy");
    ASSERT_GT(supervisor, 0);
    kill(supervisor, SIGKILL);
    wait_until([&] { return sandbox.processes().empty(); }, "everybody is dead");
    sandbox.write("fast", "");
  }
  Finished resume() const { return sandbox.agentcmd({"runs", "resume", id, "--json"}); }
  Json resumed_result() const {
    const auto finished = resume();
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished)["result"];
  }
  Json attempts() const {
    for (const auto& step : sandbox.run(id)["steps"]) {
      if (step["name"] == "deploy") return step["attempt_list"];
    }
    return nullptr;
  }

  Sandbox sandbox;
  std::string id;
};

TEST_F(LossTest, FailThrowsALostErrorIntoTheWorkflow) {
  define("{ onLost: 'fail' }");
  lose();
  const auto result = resumed_result();
  EXPECT_EQ(result["name"], "LostError");
  EXPECT_TRUE(result["message"].dump().contains("nobody can tell how far it came")) << result;
  EXPECT_EQ(sandbox.read("ran"), "run\n");
  EXPECT_EQ(attempts()[0]["outcome"], "lost");
}

TEST_F(LossTest, RetryBeginsACommandAgain) {
  define("{ onLost: 'retry' }");
  lose();
  EXPECT_EQ(resumed_result()["success"], true);
  EXPECT_EQ(sandbox.read("ran"), "run\nrun\n");
  ASSERT_EQ(attempts().size(), 2U);
  EXPECT_EQ(attempts()[0]["outcome"], "lost");
  EXPECT_EQ(attempts()[1]["outcome"], "completed");
}

TEST_F(LossTest, AProbeThatFindsItDoneCompletesTheStep) {
  define("{ onLost: 'probe', probe: async () => fs.existsSync('ran') ? 'done' : 'not-done' }");
  lose();
  EXPECT_EQ(resumed_result()["success"], true);
  EXPECT_EQ(sandbox.read("ran"), "run\n");
  ASSERT_EQ(attempts().size(), 1U);
  EXPECT_EQ(attempts()[0]["cause"], "lost, and found done by its probe");
}

TEST_F(LossTest, AProbeMayBringTheResult) {
  define(
      "{ onLost: 'probe', probe: async () => "
      "({ output: { success: true, data: fs.readFileSync('ran', 'utf8') } }) }");
  lose();
  EXPECT_EQ(resumed_result()["data"], "run\n");
}

TEST_F(LossTest, AProbeThatFindsItNotDoneBeginsTheStepAgain) {
  define("{ onLost: 'probe', probe: () => 'not-done' }");
  lose();
  EXPECT_EQ(resumed_result()["success"], true);
  EXPECT_EQ(sandbox.read("ran"), "run\nrun\n");
}

TEST_F(LossTest, AProbeThatCannotTellPausesTheRunWithTheReason) {
  define("{ onLost: 'probe', probe: () => { throw new Error('the registry is down'); } }");
  lose();
  const auto paused = resume();
  EXPECT_EQ(paused.code, 5) << paused.out << paused.err;
  EXPECT_TRUE(paused.out.contains("its probe threw: the registry is down")) << paused.out;
  EXPECT_EQ(resumed_result()["success"], true) << "resuming begins the step again";
  EXPECT_EQ(sandbox.read("ran"), "run\nrun\n");
}

TEST_F(LossTest, AnAnswerThatIsNoneCannotTell) {
  define("{ onLost: 'probe', probe: () => 'perhaps' }");
  lose();
  const auto paused = resume();
  EXPECT_EQ(paused.code, 5) << paused.out << paused.err;
  EXPECT_TRUE(paused.out.contains("perhaps")) << paused.out;
}

TEST_F(LossTest, AProbeWhoseDriverIsKilledIsAskedAgain) {
  define(R"({ onLost: 'probe', probe: async () => {
    fs.appendFileSync("probed", "p");
    while (!fs.existsSync("answer")) await new Promise((resolve) => setTimeout(resolve, 20));
    return "done";
  } })");
  lose();
  auto running = sandbox.start({"runs", "resume", id, "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "probed"); }, "the probe looks");
  running->signal(SIGKILL);
  running->wait();
  sandbox.write("answer", "");
  EXPECT_EQ(resumed_result()["success"], true);
  EXPECT_EQ(sandbox.read("probed"), "pp");
  EXPECT_EQ(sandbox.read("ran"), "run\n");
}

}  // namespace
}  // namespace agentcmd::test
