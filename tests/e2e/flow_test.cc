// How many runs go on at once, who waits for whom, and what is not started a second time: several
// processes of one home.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <map>
#include <set>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Runs until the file `go` is in the project.
std::string waiting(const std::string& config) {
  return "export default defineWorkflow({ id: 'wait'" + config + R"( }, async ({ event, step }) => {
  await step.cli("wait", { command: "touch started-" + (event.data.args.n ?? 0) +
      "; while [ ! -e go ]; do sleep 0.02; done" });
  return event.data.args.n ?? 0;
});
)";
}

class FlowTest : public testing::Test {
 protected:
  FlowTest() { sandbox.make_repository(); }

  void define(const std::string& config) { sandbox.define("wait.ts", waiting(config)); }
  std::unique_ptr<Running> run(int n, const std::string& project = {}) {
    std::vector<std::string> words{"run", "wait", "--json", "--arg", fmt::format("n={}", n)};
    if (!project.empty()) words.insert(words.end(), {"--project", project});
    return sandbox.start(std::move(words));
  }
  static std::string id_in(const std::string& line) {
    return Json::parse(line)["run"]["id"].get<std::string>();
  }
  void wait_for_start(int n) {
    const auto file = sandbox.project / fmt::format("started-{}", n);
    wait_until([&] { return fs::exists(file); }, file.string() + " exists");
  }
  Json queue() { return Json::parse(sandbox.agentcmd({"queue", "--json"}).out); }
  // When something of that kind happened to the run.
  std::string time_of(const std::string& id, const std::string& kind) {
    for (const auto& event : Json::parse(sandbox.agentcmd({"runs", "history", id, "--json"}).out)) {
      if (event["kind"] == kind) return event["at"];
    }
    return "";
  }

  Sandbox sandbox;
};

TEST_F(FlowTest, EightStartersOfTwoProjectsNeverRunMoreThanTwoAtOnceAndTakeTurns) {
  sandbox.env["AGENTCMD_LIMITS_RUNS"] = "2";
  define("");
  const auto other = sandbox.root / "other";
  fs::create_directories(other);
  fs::copy(sandbox.project, other, fs::copy_options::recursive);
  std::vector<std::unique_ptr<Running>> all;
  std::vector<std::string> ids;
  const auto begin = [&](int n, const fs::path& project) {
    all.push_back(run(n, project.string()));
    ids.push_back(id_in(all.back()->line_with(R"("type":"run")")));
  };
  for (int n = 0; n < 4; ++n) begin(n, sandbox.project);
  for (int n = 4; n < 8; ++n) begin(n, other);
  wait_until([&] { return queue().size() == 6; }, "six wait");
  std::string projects;
  for (const auto& queued : queue()) {
    projects += queued["project"] == other.string() ? 'b' : 'a';
    EXPECT_EQ(queued["position"], projects.size());
    EXPECT_TRUE(queued["reason"].get<std::string>().starts_with("2 of 2 runs of this home"))
        << queued.dump();
  }
  EXPECT_EQ(projects, "bbabab");
  sandbox.write("go", "");
  std::ofstream(other / "go") << "";
  for (auto& running : all) {
    const auto finished = running->wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
  }
  // An end counts before a start of the same millisecond.
  std::vector<std::pair<std::string, int>> changes;
  for (const auto& id : ids) {
    changes.emplace_back(time_of(id, "RunStarted"), 1);
    changes.emplace_back(time_of(id, "RunCompleted"), -1);
  }
  std::ranges::sort(changes);
  int running = 0;
  for (const auto& [at, change] : changes) {
    running += change;
    EXPECT_LE(running, 2) << at;
  }
  EXPECT_TRUE(queue().empty());
}

TEST_F(FlowTest, ARunThatWaitsSaysWhereAndWhyAndGoesOnWhenTheOtherWasKilled) {
  define(", concurrency: { limit: 1, key: 'env' }");
  auto first = run(1);
  wait_for_start(1);
  auto second = run(2);
  const auto line = Json::parse(second->line_with(R"("type":"queued")"));
  EXPECT_EQ(line["position"], 1);
  const auto id = sandbox.runs().at(1)["id"].get<std::string>();
  EXPECT_EQ(line["reason"],
            fmt::format("1 of 1 runs of 'wait' with key 'null' is running: {}", id));
  EXPECT_EQ(sandbox.runs().at(0)["status"], "queued");
  const auto why = sandbox.agentcmd({"runs", "why", sandbox.runs().at(0)["id"]});
  EXPECT_TRUE(why.out.contains("waits for its turn, at place 1: 1 of 1 runs of 'wait'")) << why.out;
  first->signal(SIGKILL);
  first->wait();
  wait_for_start(2);
  // The first one now has to wait for the second.
  auto resumed = sandbox.start({"runs", "resume", id, "--json"});
  resumed->line_with(R"("type":"queued")");
  sandbox.write("go", "");
  EXPECT_EQ(second->wait().code, 0);
  EXPECT_EQ(resumed->wait().code, 0);
}

TEST_F(FlowTest, CtrlCTakesAWaitingRunOutOfTheQueueBeforeAnyOfItsCodeRuns) {
  define(", concurrency: 1");
  auto first = run(1);
  wait_for_start(1);
  auto second = run(2);
  second->line_with(R"("type":"queued")");
  second->signal(SIGINT);
  EXPECT_EQ(second->wait().code, 130);
  const auto last = sandbox.runs().at(0);
  EXPECT_EQ(last["status"], "cancelled");
  EXPECT_EQ(time_of(last["id"], "RunStarted"), "");
  sandbox.write("go", "");
  EXPECT_EQ(first->wait().code, 0);
}

TEST_F(FlowTest, AWaitingRunThatIsLeftStaysQueuedAndIsSaidToBeExecutedByNobody) {
  define(", concurrency: 1");
  auto first = run(1);
  wait_for_start(1);
  auto second = run(2);
  second->line_with(R"("type":"queued")");
  second->signal(SIGTERM);
  second->wait();
  const auto id = sandbox.runs().at(0)["id"].get<std::string>();
  EXPECT_EQ(sandbox.run(id)["status"], "queued");
  const auto queued = queue();
  ASSERT_EQ(queued.size(), 1U);
  EXPECT_TRUE(queued[0]["position"].is_null());
  EXPECT_TRUE(queued[0]["reason"].get<std::string>().contains("runs resume " + id));
  auto resumed = sandbox.start({"runs", "resume", id, "--json"});
  resumed->line_with(R"("type":"queued")");
  sandbox.write("go", "");
  EXPECT_EQ(resumed->wait().code, 0);
  EXPECT_EQ(first->wait().code, 0);
}

TEST_F(FlowTest, ASingletonRefusesASecondRunAndNamesTheFirst) {
  define(", singleton: true");
  auto first = run(1);
  wait_for_start(1);
  const auto id = sandbox.runs().at(0)["id"].get<std::string>();
  const auto second = sandbox.agentcmd({"run", "wait", "--json"});
  EXPECT_EQ(second.code, 2);
  EXPECT_TRUE(second.err.contains(id)) << second.err;
  EXPECT_EQ(sandbox.runs().size(), 1U);
  sandbox.write("go", "");
  EXPECT_EQ(first->wait().code, 0);
  EXPECT_EQ(sandbox.agentcmd({"run", "wait"}).code, 0) << "the first has ended";
}

TEST_F(FlowTest, ASingletonMayCancelTheRunBeforeIt) {
  define(", singleton: { mode: 'cancel-old' }");
  auto first = run(1);
  wait_for_start(1);
  auto second = run(2);
  EXPECT_EQ(first->wait().code, 1);
  wait_for_start(2);
  EXPECT_EQ(sandbox.runs().at(1)["status"], "cancelled");
  sandbox.write("go", "");
  EXPECT_EQ(second->wait().code, 0);
}

TEST_F(FlowTest, TheSameIdempotencyKeyIsTheSameRun) {
  define(", idempotency: 'n'");
  std::vector<std::unique_ptr<Running>> all;
  for (int i = 0; i < 4; ++i) all.push_back(run(7));
  wait_for_start(7);
  sandbox.write("go", "");
  std::set<std::string> ids;
  for (auto& running : all) {
    const auto finished = running->wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    const auto result = result_of(finished);
    EXPECT_EQ(result["result"], 7);
    ids.insert(result["id"]);
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(sandbox.runs().size(), 1U);
  EXPECT_EQ(run(8)->wait().code, 0);
  EXPECT_EQ(sandbox.runs().size(), 2U);
}

TEST_F(FlowTest, WhatADefinitionSaysWronglyAboutItsRunsIsRefusedWithItsPlace) {
  for (const auto& [config, said] : std::vector<std::pair<std::string, std::string>>{
           {", concurrency: 0", "wait.ts:1:"},
           {", concurrency: { limit: 1, key: 'a..b' }", "wait.ts:1:"},
           {", triggers: [{ cron: '* * * * *', timezone: 'Mars/Base' }]", "wait.ts:1:"},
           {", triggers: [{ cron: '99 * * * *' }]", "wait.ts: the schedule '99 * * * *' (UTC)"}}) {
    define(config);
    const auto refused = sandbox.agentcmd({"run", "wait"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_TRUE(refused.err.contains(said)) << refused.err;
    const auto checked = sandbox.agentcmd({"definitions", "check"});
    EXPECT_EQ(checked.code, 1);
    EXPECT_TRUE(checked.out.contains(said)) << checked.out;
  }
}

TEST_F(FlowTest, SchedulesAreListedPausedResumedAndBackfilled) {
  sandbox.define("nightly.ts",
                 "export default defineWorkflow({ id: 'nightly', triggers: [{ cron: '0 3 * * *', "
                 "timezone: 'Europe/Berlin' }] }, async () => 1);");
  auto list = [&] { return Json::parse(sandbox.agentcmd({"schedules", "list", "--json"}).out); };
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(list()[0]["name"], "nightly");
  EXPECT_TRUE(list()[0]["next_due"].is_string());
  EXPECT_EQ(sandbox.agentcmd({"schedules", "pause", "nightly"}).code, 0);
  EXPECT_EQ(list()[0]["paused"], true);
  EXPECT_TRUE(list()[0]["next_due"].is_null());
  EXPECT_EQ(sandbox.agentcmd({"schedules", "resume", "nightly"}).code, 0);
  EXPECT_EQ(list()[0]["paused"], false);
  const std::vector<std::string> backfill{"schedules",  "backfill", "nightly",   "--from",
                                          "2026-03-28", "--to",     "2026-03-31"};
  const auto filled = sandbox.agentcmd(backfill);
  EXPECT_EQ(filled.code, 0) << filled.err;
  ASSERT_EQ(sandbox.runs().size(), 3U);
  EXPECT_EQ(sandbox.agentcmd(backfill).code, 0);
  EXPECT_EQ(sandbox.runs().size(), 3U) << "each due time has its run already";
  const auto started = Json::parse(sandbox.agentcmd({"triggers", "--json"}).out);
  std::set<std::string> causes;
  for (const auto& start : started) causes.insert(start["cause"]);
  EXPECT_TRUE(causes.contains("schedule nightly 2026-03-29T01:00:00.000Z")) << started.dump();
  for (const auto& [from, to, says] :
       {std::array{"2026-03-31", "2026-03-28", "is later than --to"},
        std::array{"2999-01-01", "", "is later than now"},
        std::array{"2026-03-28T12:00", "2026-03-28T13:00", "is never due between"}}) {
    std::vector<std::string> words{"schedules", "backfill", "nightly", "--from", from};
    if (*to != '\0') words.insert(words.end(), {"--to", to});
    const auto refused = sandbox.agentcmd(words);
    EXPECT_EQ(refused.code, 2) << refused.out;
    EXPECT_TRUE(refused.err.contains(says)) << refused.err;
  }
  EXPECT_EQ(sandbox.runs().size(), 3U);
  const auto unknown = sandbox.agentcmd({"schedules", "pause", "nightli"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(unknown.err.contains("Did you mean 'nightly'")) << unknown.err;
}

}  // namespace
}  // namespace agentcmd::test
