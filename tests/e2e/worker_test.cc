// What a worker starts by itself, what of it survives a kill -9, and what two of them start: real
// processes of one home.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Due once a year, and made up for all year.
constexpr std::string_view yearly = "{ cron: '0 0 1 1 *', catchUp: '370d', args: { n: 1 } }";

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() { sandbox.make_repository(); }

  // A workflow that notes each of its runs in the file `counted`.
  void define(const std::string& id, std::string_view triggers) {
    sandbox.define(id + ".ts", fmt::format(R"(
export default defineWorkflow({{ id: "{}", triggers: [{}] }}, async ({{ event, step }}) => {{
  await step.cli("count", {{ command: "echo {} " + event.data.args.n + " >> counted" }});
}});
)",
                                           id, triggers, id));
  }
  // One whose runs go on when the file `go` is there.
  void define_held(const std::string& id) {
    sandbox.define(id + ".ts", fmt::format(R"(
export default defineWorkflow({{ id: "{}" }}, async ({{ event, step }}) => {{
  await step.cli("hold", {{ command: "echo began " + event.data.args.n +
      " >> counted; while [ ! -e go ]; do sleep 0.02; done; echo ended " + event.data.args.n + " >> counted" }});
}});
)",
                                           id));
  }
  std::unique_ptr<Running> worker(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"worker", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    auto running = sandbox.start(std::move(words));
    running->line_with(R"("type":"ready")");
    return running;
  }
  static void stop(Running& worker) {
    worker.signal(SIGTERM);
    const auto finished = worker.wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
  }
  void send(const std::string& name, const std::string& data, const fs::path& project = {}) {
    std::vector<std::string> words{"events", "send", name, "--data", data};
    if (!project.empty()) words.insert(words.end(), {"--project", project.string()});
    const auto sent = sandbox.agentcmd(std::move(words));
    ASSERT_EQ(sent.code, 0) << sent.err;
  }
  Json schedules() { return Json::parse(sandbox.agentcmd({"schedules", "list", "--json"}).out); }
  // As if nobody had looked at the schedules since this year began.
  void miss_the_new_year() {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((sandbox.home / "database.db").c_str(), &database), SQLITE_OK);
    sqlite3_busy_timeout(database, 60'000);
    EXPECT_EQ(sqlite3_exec(database,
                           "UPDATE schedules SET next_due = "
                           "1000 * CAST(strftime('%s', 'now', 'start of year') AS INTEGER)",
                           nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::size_t completed() {
    const auto runs = sandbox.runs();
    return static_cast<std::size_t>(
        std::ranges::count_if(runs, [](const Json& run) { return run["status"] == "completed"; }));
  }
  void wait_for_completed(std::size_t count) {
    wait_until([&] { return completed() == count; }, fmt::format("{} runs are completed", count));
  }
  // Causes of events and schedules that came to a run.
  std::multiset<std::string> causes() {
    std::multiset<std::string> causes;
    for (const auto& start : Json::parse(sandbox.agentcmd({"triggers", "--json"}).out)) {
      if (start["run"].is_string()) causes.insert(start["cause"]);
    }
    return causes;
  }
  std::multiset<std::string> counted() const {
    std::multiset<std::string> lines;
    std::istringstream in(sandbox.read("counted"));
    for (std::string line; std::getline(in, line);) lines.insert(line);
    return lines;
  }

  Sandbox sandbox;
};

TEST_F(WorkerTest, AnEventAndADueScheduleEachStartARun) {
  define("review", "{ event: 'pull/opened', if: { base: 'main' } }");
  define("nightly", yearly);
  ASSERT_EQ(schedules().size(), 1U);
  miss_the_new_year();
  auto running = worker();
  wait_for_completed(1);
  EXPECT_EQ(counted(), (std::multiset<std::string>{"nightly 1"}));
  send("pull/opened", R"({"base":"dev","n":2})");
  send("pull/opened", R"({"base":"main","n":3})");
  wait_for_completed(2);
  EXPECT_EQ(counted(), (std::multiset<std::string>{"nightly 1", "review 3"}));
  stop(*running);
  EXPECT_EQ(sandbox.runs().size(), 2U);
  const auto schedule = schedules().at(0);
  EXPECT_EQ(schedule["last_run"], sandbox.runs().at(1)["id"]);
  EXPECT_GT(schedule["next_due"].get<std::string>(), schedule["last_due"].get<std::string>());
  const auto started = causes();
  EXPECT_TRUE(started.contains("event 2"));
  EXPECT_TRUE(started.contains("schedule nightly " + schedule["last_due"].get<std::string>()));
}

TEST_F(WorkerTest, AScheduleStartsARunNowWhenItIsToldToAndNoneWhileItIsPaused) {
  define("nightly", yearly);
  const auto started = sandbox.agentcmd({"schedules", "trigger", "nightly", "--json"});
  ASSERT_EQ(started.code, 0) << started.err;
  const auto id = Json::parse(started.out)["run"].get<std::string>();
  EXPECT_EQ(sandbox.run(id)["status"], "queued");
  const auto queued = Json::parse(sandbox.agentcmd({"queue", "--json"}).out);
  ASSERT_EQ(queued.size(), 1U);
  EXPECT_TRUE(queued[0]["reason"].get<std::string>().contains("agentcmd worker")) << queued.dump();
  EXPECT_EQ(sandbox.agentcmd({"schedules", "pause", "nightly"}).code, 0);
  miss_the_new_year();
  auto running = worker();
  wait_for_completed(1);
  EXPECT_EQ(sandbox.run(id)["status"], "completed");
  wait_until([&] { return schedules()[0]["last_due"].is_string(); }, "the due time has passed");
  EXPECT_EQ(sandbox.agentcmd({"schedules", "resume", "nightly"}).code, 0);
  EXPECT_TRUE(schedules()[0]["next_due"].is_string());
  stop(*running);
  EXPECT_EQ(sandbox.runs().size(), 1U) << "what was paused is not made up for";
}

TEST_F(WorkerTest, TwoWorkersOfOneHomeStartWhatIsDueOnce) {
  constexpr int count = 5;
  for (int i = 0; i < count; ++i) define(fmt::format("yearly{}", i), yearly);
  ASSERT_EQ(schedules().size(), count);
  auto one = worker();
  auto two = worker();
  miss_the_new_year();
  send("workflow/yearly0", R"({"n":2})");
  wait_for_completed(count + 1);
  // Whatever either of them had begun is done with when it has stopped.
  stop(*one);
  stop(*two);
  EXPECT_EQ(sandbox.runs().size(), count + 1U);
  std::multiset<std::string> once{"yearly0 2"};
  for (int i = 0; i < count; ++i) once.insert(fmt::format("yearly{} 1", i));
  EXPECT_EQ(counted(), once);
}

TEST_F(WorkerTest, AKillMinusNineLosesNoQueuedRunAndStartsNoneTwice) {
  sandbox.env["AGENTCMD_LIMITS_RUNS"] = "1";
  define_held("held");
  auto first = worker();
  for (int n = 0; n < 3; ++n) send("workflow/held", fmt::format(R"({{"n":{}}})", n));
  wait_until([&] { return counted().size() == 1 && sandbox.runs().size() == 3; },
             "one works, two wait");
  // These it may have seen, or be just starting, or not.
  for (int n = 3; n < 6; ++n) send("workflow/held", fmt::format(R"({{"n":{}}})", n));
  first->signal(SIGKILL);
  first->wait();
  auto second = worker();
  wait_until([&] { return sandbox.runs().size() == 6; }, "six runs are known");
  EXPECT_EQ(Json::parse(sandbox.agentcmd({"queue", "--json"}).out).size(), 5U);
  sandbox.write("go", "");
  wait_for_completed(6);
  stop(*second);
  EXPECT_EQ(sandbox.runs().size(), 6U);
  std::multiset<std::string> once;
  for (int n = 0; n < 6; ++n) {
    once.insert(fmt::format("began {}", n));
    once.insert(fmt::format("ended {}", n));
  }
  EXPECT_EQ(counted(), once);
}

TEST_F(WorkerTest, AWorkerOfOneProjectStartsNothingOfAnother) {
  define("pulled", "{ event: 'pull' }");
  const auto other = sandbox.root / "other";
  fs::create_directories(other);
  fs::copy(sandbox.project, other, fs::copy_options::recursive);
  auto running = worker({"--project", sandbox.project.string()});
  send("pull", R"({"n":1})", other);
  send("pull", R"({"n":2})");
  wait_for_completed(1);
  stop(*running);
  ASSERT_EQ(sandbox.runs().size(), 1U);
  EXPECT_EQ(counted(), (std::multiset<std::string>{"pulled 2"}));
  auto all = worker();
  wait_for_completed(2);
  stop(*all);
  EXPECT_EQ(sandbox.runs().at(0)["project"], other.string());
}

TEST_F(WorkerTest, AWorkerFollowsTheRetentionOfTheConfiguration) {
  define("quick", "");
  for (int n = 0; n < 3; ++n) {
    EXPECT_EQ(sandbox.agentcmd({"run", "quick", "--arg", fmt::format("n={}", n)}).code, 0);
  }
  ASSERT_EQ(sandbox.runs().size(), 3U);
  std::ofstream(sandbox.home / "config.json") << R"({"retention": {"runs": 1}})";
  auto running = worker();
  wait_until([&] { return sandbox.runs().size() == 1; }, "the others are gone");
  stop(*running);
}

}  // namespace
}  // namespace agentcmd::test
