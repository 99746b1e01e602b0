// kill -9 of the executing process at many points of a run, then resume: the run ends as if nothing
// had happened.

#include "base/random.h"
#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

constexpr int steps_in_run = 20;

// Twenty steps of all kinds; each command leaves one line in a log outside the workspace.
constexpr std::string_view twenty_steps = R"(
import { defineWorkflow } from "agentcmd-workflows";
export default defineWorkflow({ id: "twenty", phases: ["work"] }, async ({ event, step }) => {
  const log = event.data.args.log;
  let sum = 0;
  await step.phase("work", async () => {
    for (let i = 0; i < 5; i++) {
      await step.cli(`echo-${i}`, { command: `echo cli-${i} >> "$LOG"; sleep 0.01`, env: { LOG: log } });
      sum += await step.run(`compute-${i}`, async () => i * i);
      await step.agent(`ask-${i}`, { agent: "claude", prompt: `write ${i}` });
      await step.git(`save-${i}`, { operation: "commit", message: `commit ${i}` });
    }
  });
  return { sum };
});
)";

constexpr std::string_view agent_script = R"json([
  {"match": {"prompt": "write"}, "do": [{"write": {"path": "note.txt", "content": "x"}}, {"delayMs": 5},
    {"write": {"path": "agent.log", "content": "done"}}, {"reply": "ok"}]}
])json";

class KillTest : public testing::Test {
 protected:
  KillTest() {
    sandbox.define("twenty.ts", twenty_steps);
    sandbox.write("script.json", agent_script);
    sandbox.make_repository();
  }

  std::vector<std::string> run_arguments() const {
    return {"run",
            "twenty",
            "--json",
            "--mode",
            "worktree",
            "--agents",
            "scripted:" + (sandbox.project / "script.json").string(),
            "--arg",
            "log=" + log().string()};
  }
  std::filesystem::path log() const { return sandbox.root / "side-effects.log"; }

  std::string expected_log() const {
    std::string text;
    for (int i = 0; i < 5; ++i) text += fmt::format("cli-{}\n", i);
    return text;
  }

  // Reads `lines` lines of a run's output, then kills it. The run's id, empty if it was not
  // recorded yet.
  std::string kill_after(Running& running, int lines) {
    std::string line;
    std::string id;
    for (int i = 0; i < lines && running.next_line(line); ++i) {
      const auto json = Json::parse(line, nullptr, false);
      if (id.empty() && json.contains("run") && json["run"].is_string()) id = json["run"];
    }
    running.signal(SIGKILL);
    running.wait();
    return id;
  }

  Sandbox sandbox;
};

TEST_F(KillTest, ARunKilledAtRandomPointsEndsAsIfNothingHadHappened) {
  SeededRandom random(20260301);
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    std::filesystem::remove(log());
    auto running = sandbox.start(run_arguments());
    auto id = kill_after(*running, static_cast<int>(1 + random.next() % 90));
    if (id.empty()) id = sandbox.runs().at(0)["id"];
    // Sometimes the resuming process is killed, too.
    if (round % 5 == 0) {
      auto resumed = sandbox.start({"runs", "resume", id, "--json"});
      kill_after(*resumed, static_cast<int>(1 + random.next() % 20));
    }
    const auto before = sandbox.run(id);
    const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
    const auto run = sandbox.run(id);
    if (before["status"] != "completed")
      ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
    ASSERT_EQ(run["status"], "completed") << run.dump(2) << finished.err;
    EXPECT_EQ(run["result"], Json::parse(R"({"sum":30})"));
    std::ifstream in(log());
    const std::string effects(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(effects, expected_log());
    int user_steps = 0;
    for (const auto& step : run["steps"]) {
      if (step["key"].get<std::string>().starts_with("work/")) ++user_steps;
      EXPECT_EQ(step["status"], "completed") << step.dump();
    }
    EXPECT_EQ(user_steps, steps_in_run);
  }
}

TEST_F(KillTest, CompletedStepsDoNotRunAgain) {
  auto running = sandbox.start(run_arguments());
  running->line_with("echo-2");
  running->signal(SIGKILL);
  running->wait();
  const std::string id = sandbox.runs().at(0)["id"];
  const auto before = sandbox.run(id);
  ASSERT_EQ(sandbox.agentcmd({"runs", "resume", id, "--json"}).code, 0);
  const auto after = sandbox.run(id);
  for (const auto& step : before["steps"]) {
    if (step["status"] != "completed") continue;
    const auto same = std::ranges::find_if(
        after["steps"], [&](const Json& other) { return other["key"] == step["key"]; });
    ASSERT_NE(same, after["steps"].end());
    EXPECT_EQ((*same)["ended_at"], step["ended_at"]) << step["key"];
    EXPECT_EQ((*same)["attempts"], step["attempts"]) << step["key"];
  }
}

}  // namespace
}  // namespace agentcmd::test
