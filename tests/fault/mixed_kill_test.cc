// kill -9 of the driver, or of its worker, at 200 points of a workload of all kinds of steps, with
// real commands. In eight parts, so that they run side by side.

#include "base/random.h"
#include "support/processes.h"
#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

namespace agentcmd::test {
namespace {

constexpr int parts = 8;
constexpr int kills_in_part = 25;

// The events of an undisturbed run; a point beyond its end kills nobody.
constexpr int points = 75;

constexpr std::string_view mixed = R"(
import * as fs from "node:fs";
import { execFileSync } from "node:child_process";
export default defineWorkflow({ id: "mixed", phases: ["make", "end"] }, async ({ event, step }) => {
  const say = (word) => ({ command: `echo ${word} >> "$LOG"`, env: { LOG: event.data.args.log } });
  const seen = [];
  await step.phase("make", async () => {
    await step.agent("ask", { agent: "claude", prompt: "write" });
    const three = ["a", "b", "c"].map((word) => step.cli(`say-${word}`, say(word)));
    const text = await step.run("effects", async () => {
      await fs.promises.writeFile("closure.txt", "from a closure");
      execFileSync("sh", ["-c", "echo more >> closure.txt"]);
      await new Promise((resolve) => setTimeout(resolve, 2));
      return fs.readFileSync("closure.txt", "utf8").slice(0, 14);
    });
    seen.push(text, (await Promise.all(three)).every((result) => result.success));
    await step.git("save", { operation: "commit", message: "first" });
    await step.sleep("nap", 5);
    seen.push(await step.run("flaky", async () => {
      if (fs.existsSync("tried")) return "second try";
      fs.writeFileSync("tried", "");
      throw new Error("first try");
    }, { retry: { attempts: 9, initial: 5, jitter: 0.5 } }));
  });
  await step.phase("end", async () => {
    const limited = ["d", "e"].map((word) => () => step.cli(`say-${word}`, say(word)));
    await step.parallel(limited, { limit: 1 });
    const loser = step.cli("loser", { command: "exec sleep 1000" }).catch(() => {});
    await Promise.race([loser, step.cli("winner", { command: "true" })]);
    await step.git("save-2", { operation: "commit", message: "second" });
  });
  return seen;
});
)";

constexpr std::string_view agent_script = R"json([
  {"match": {"prompt": "write"}, "do": [{"write": {"path": "note.txt", "content": "x"}}, {"delayMs": 2},
    {"reply": "ok"}]}
])json";

class MixedKillTest : public testing::TestWithParam<int> {
 protected:
  MixedKillTest() {
    sandbox.define("mixed.ts", mixed);
    sandbox.write("script.json", agent_script);
    sandbox.make_repository();
  }

  std::filesystem::path log() const { return sandbox.root / "said.log"; }
  std::vector<std::string> run_arguments() const {
    return {"run",
            "mixed",
            "--json",
            "--mode",
            "worktree",
            "--agents",
            "scripted:" + (sandbox.project / "script.json").string(),
            "--arg",
            "log=" + log().string()};
  }

  // Reads that many lines of the run's output; its id is in `id` as soon as there is one.
  static void read_lines(Running& running, int lines, std::string& id) {
    std::string line;
    for (int i = 0; i < lines && running.next_line(line); ++i) {
      const auto json = Json::parse(line, nullptr, false);
      if (id.empty() && json.contains("run") && json["run"].is_string()) id = json["run"];
    }
  }

  static void kill_driver(Running& running) {
    running.signal(SIGKILL);
    running.wait();
  }

  // The worker is replaced without anybody's help.
  static void kill_worker(Running& running) {
    const pid_t worker = child_named(running.pid(), "agentcmd-worker");
    if (worker > 0) kill(worker, SIGKILL);
  }

  std::string resume(const std::string& id) {
    const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
    return fmt::format("{}\n{}\n{}", finished.code, finished.out, finished.err);
  }

  // Each word exactly once: a command whose driver died is not run again.
  std::multiset<std::string> said() const {
    std::ifstream in(log());
    std::multiset<std::string> words;
    for (std::string word; in >> word;) words.insert(word);
    return words;
  }

  void expect_as_if_nothing_had_happened(const std::string& id, const std::string& shown) {
    const auto run = sandbox.run(id);
    ASSERT_EQ(run["status"], "completed") << run.dump(2) << shown;
    EXPECT_EQ(run["result"], Json::parse(R"(["from a closure", true, "second try"])"));
    EXPECT_EQ(said(), (std::multiset<std::string>{"a", "b", "c", "d", "e"}));
    for (const auto& step : run["steps"]) {
      const bool is_loser = step["name"] == "loser";
      EXPECT_EQ(step["status"], is_loser ? "cancelled" : "completed") << step.dump(2);
    }
    EXPECT_TRUE(sandbox.processes().empty()) << "the run is over, its processes are not";
  }

  Sandbox sandbox;
};

TEST_P(MixedKillTest, EndsAsIfNothingHadHappened) {
  SeededRandom random(static_cast<std::uint64_t>(20261124 + GetParam()));
  for (int round = 0; round < kills_in_part; ++round) {
    SCOPED_TRACE(fmt::format("part {}, kill {}", GetParam(), round));
    std::filesystem::remove(log());
    auto running = sandbox.start(run_arguments());
    std::string id;
    // Every 25th part of the run is met in each part, at another place.
    const auto point = (points * round / kills_in_part) + static_cast<int>(random.next() % 3);
    read_lines(*running, 1 + point, id);
    std::string shown;
    if (round % 5 == 4) {
      kill_worker(*running);
      const auto finished = running->wait();
      shown = finished.out + finished.err;
    } else {
      kill_driver(*running);
      if (round % 5 == 0) {
        auto resumed = sandbox.start({"runs", "resume", sandbox.runs().at(0)["id"], "--json"});
        read_lines(*resumed, static_cast<int>(1 + random.next() % 20), id);
        kill_driver(*resumed);
      }
    }
    if (id.empty()) id = sandbox.runs().at(0)["id"];
    if (sandbox.run(id)["status"] != "completed") shown += resume(id);
    expect_as_if_nothing_had_happened(id, shown);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, MixedKillTest, testing::Range(0, parts));

}  // namespace
}  // namespace agentcmd::test
