// Events of a project, children of a run, and the worker that keeps a home going.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view waiting = R"(
export default defineWorkflow({ id: "waiting" }, async ({ step }) => {
  await step.cli("before", { command: "touch started; while [ ! -e go ]; do sleep 0.02; done" });
  const event = await step.waitForEvent("merged", { event: "pull/merged", if: (e) => e.data.n > 1 });
  return event.data;
});
)";

constexpr std::string_view parent = R"(
export default defineWorkflow({ id: "parent" }, async ({ step }) => {
  return { child: await step.invoke("review", { workflow: "child", args: { n: 2 } }) };
});
)";

constexpr std::string_view child = R"(
const argsSchema = { type: "object", properties: { n: { type: "number" }, by: { type: "string", default: "us" } },
                     required: ["n"] };
export default defineWorkflow({ id: "child", argsSchema }, async ({ event, step }) => {
  await step.cli("work", { command: "echo once >> worked; touch started; while [ ! -e go ]; do sleep 0.02; done" });
  if (event.data.args.n > 9) throw new Error("too many");
  return event.data.args;
});
)";

class EventsTest : public testing::Test {
 protected:
  EventsTest() {
    fs::create_directories(sandbox.project / ".agent");
    sandbox.define("waiting.ts", waiting);
    sandbox.define("parent.ts", parent);
    sandbox.define("child.ts", child);
  }
  void wait_for(const fs::path& file) {
    wait_until([&] { return fs::exists(sandbox.project / file); }, file.string() + " exists");
  }
  std::string id_of(std::string_view definition) {
    for (const auto& run : sandbox.runs()) {
      if (run["definition"] == definition) return run["id"];
    }
    ADD_FAILURE() << "no run of " << definition;
    return "";
  }
  void send(std::string data) {
    const auto sent =
        sandbox.agentcmd({"events", "send", "pull/merged", "--data", std::move(data)});
    EXPECT_EQ(sent.code, 0) << sent.err;
  }
  void wait_for_end(const std::string& id) {
    wait_until(
        [&] {
          const auto status = sandbox.run(id)["status"];
          return status == "completed" || status == "failed" || status == "cancelled";
        },
        id + " ends");
  }
  Sandbox sandbox;
};

TEST_F(EventsTest, AnEventThatComesEarlyIsKeptAndAConditionChooses) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_for("started");
  send(R"({"n":1})");
  send(R"({"n":2})");
  sandbox.write("go", "");
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "completed");
  EXPECT_EQ(sandbox.run(id_of("waiting"))["result"], (Json{{"n", 2}}));
}

TEST_F(EventsTest, AnEventFromAnotherProcessEndsAWaitThatIsOpen) {
  sandbox.write("go", "");
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until(
      [&] {
        const auto runs = sandbox.runs();
        return !runs.empty() && runs[0]["status"] == "waiting";
      },
      "the run waits");
  send(R"({"n":3})");
  EXPECT_EQ(running->wait().code, 0);
}

TEST_F(EventsTest, EventsAreListedAndBadOnesRefused) {
  send(R"({"b":1,"a":[2]})");
  const auto listed = sandbox.agentcmd({"events", "list", "--json"});
  ASSERT_EQ(listed.code, 0) << listed.err;
  const auto events = Json::parse(listed.out);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["name"], "pull/merged");
  EXPECT_EQ(events[0]["data"], (Json{{"b", 1}, {"a", {2}}}));
  EXPECT_EQ(events[0]["project"], sandbox.project.string());
  for (const auto& bad : {std::vector<std::string>{"events", "send", ""},
                          {"events", "send", "x", "--data", "{"},
                          {"events", "send", "x", "--data", "@missing.json"},
                          {"events", "send", "x", "--project", "/nowhere"},
                          {"events", "send"},
                          {"events"}}) {
    const auto refused = sandbox.agentcmd(bad);
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_FALSE(refused.err.empty());
  }
}

TEST_F(EventsTest, WhatIsWrongWithDataNamesTheFlagThatWasTyped) {
  sandbox.write("a folder/x", "");
  for (const auto& data : {"@missing.json", "@a folder", "{", "@/dev/zero"}) {
    const auto refused = sandbox.agentcmd({"events", "send", "x", "--data", data});
    EXPECT_EQ(refused.code, 2) << refused.out;
    EXPECT_TRUE(refused.err.contains("--data")) << refused.err;
    EXPECT_FALSE(refused.err.contains("--args")) << refused.err;
  }
}

// A parent has nothing to say but what its child waits for.
TEST_F(EventsTest, AParentWhoseChildWaitsAtAGateNamesTheCommandThatAnswersEverywhere) {
  sandbox.define("child.ts", R"(
export default defineWorkflow({ id: "child" }, async ({ step }) => {
  return (await step.approve("Ship it", { title: "Ship the release?" })).approved;
});
)");
  const auto left = sandbox.agentcmd({"run", "parent"});
  EXPECT_EQ(left.code, 4) << left.out << left.err;
  const auto waits = id_of("parent");
  const auto asks = id_of("child");
  const auto words = fmt::format("approval 'Ship it' of run {}: Ship the release?", asks);
  const auto command = fmt::format("agentcmd approve {} ship-it", asks);
  const auto resumed = sandbox.agentcmd({"runs", "resume", waits});
  EXPECT_EQ(resumed.code, 4) << resumed.out << resumed.err;
  for (const auto& told : {left.out, resumed.out, sandbox.agentcmd({"runs", "why", waits}).out,
                           sandbox.agentcmd({"runs", "show", waits}).out}) {
    EXPECT_TRUE(told.contains(words)) << told;
    EXPECT_TRUE(told.contains(command)) << told;
  }
  const auto json = sandbox.agentcmd({"runs", "resume", waits, "--json", "--quiet"});
  EXPECT_EQ(json.code, 4);
  const auto result = result_of(json);
  EXPECT_EQ(result["status"], "waiting");
  ASSERT_EQ(result["waiting"].size(), 1U) << result;
  EXPECT_EQ(result["waiting"][0]["run"], asks);
  EXPECT_EQ(sandbox.run(waits)["waiting"], result["waiting"]);
  EXPECT_EQ(sandbox.agentcmd({"approve", asks}).code, 0);
  EXPECT_TRUE(sandbox.agentcmd({"runs", "why", waits}).out.contains("answered by"));
  const auto finished = sandbox.agentcmd({"runs", "resume", waits, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], (Json{{"child", true}}));
}

TEST_F(EventsTest, AParentWhoseChildIsPausedSaysWhatComesFirst) {
  auto running = sandbox.start({"run", "parent"});
  wait_for("started");
  ASSERT_EQ(sandbox.agentcmd({"runs", "pause", id_of("child")}).code, 0);
  sandbox.write("go", "");
  const auto left = running->wait();
  EXPECT_EQ(left.code, 5) << left.out << left.err;
  const auto first = fmt::format("agentcmd runs resume {}", id_of("child"));
  EXPECT_TRUE(left.out.contains(first)) << left.out;
  EXPECT_TRUE(sandbox.agentcmd({"runs", "why", id_of("parent")}).out.contains(first));
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id_of("child")}).code, 0);
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id_of("parent")}).code, 0);
}

TEST_F(EventsTest, AChildGetsItsDefaultsAndItsResultComesBack) {
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"run", "parent", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto shown = sandbox.run(id_of("parent"));
  EXPECT_EQ(shown["result"], (Json{{"child", {{"n", 2}, {"by", "us"}}}}));
  ASSERT_EQ(shown["children"].size(), 1U);
  EXPECT_EQ(shown["children"][0]["id"], id_of("child"));
  EXPECT_EQ(sandbox.run(id_of("child"))["parent"], id_of("parent"));
  EXPECT_TRUE(sandbox.agentcmd({"runs", "show", id_of("child")}).out.contains(id_of("parent")));
}

TEST_F(EventsTest, WhatDoesNotFitAChildFailsTheStepWithTheReason) {
  sandbox.define("wrong.ts", R"(
export default defineWorkflow({ id: "wrong" }, async ({ step }) => {
  const why = [];
  for (const [id, options] of Object.entries({
    unknown: { workflow: "childd" }, args: { workflow: "child", args: { n: "two" } } })) {
    try { await step.invoke(id, options); } catch (e) { why.push(e.message); }
  }
  return why;
});
)");
  EXPECT_EQ(sandbox.agentcmd({"run", "wrong", "--json"}).code, 0);
  const auto why = sandbox.run(id_of("wrong"))["result"];
  ASSERT_EQ(why.size(), 2U) << why.dump();
  EXPECT_TRUE(why[0].get<std::string>().contains("no definition 'childd'")) << why[0];
  EXPECT_TRUE(why[1].get<std::string>().contains("args.n")) << why[1];
  EXPECT_EQ(sandbox.runs().size(), 1U) << "nothing was created";
}

TEST_F(EventsTest, AChildsFailureReachesItsParent) {
  sandbox.write("go", "");
  sandbox.define("parent.ts", R"(
export default defineWorkflow({ id: "parent" }, async ({ step }) => {
  try { await step.invoke("review", { workflow: "child", args: { n: 10 } }); }
  catch (e) { return `${e.name}: ${e.message}`; }
});
)");
  EXPECT_EQ(sandbox.agentcmd({"run", "parent", "--json"}).code, 0);
  const std::string why = sandbox.run(id_of("parent"))["result"];
  EXPECT_TRUE(why.starts_with("ChildFailedError: ")) << why;
  EXPECT_TRUE(why.ends_with("failed: too many")) << why;
}

TEST_F(EventsTest, KilledInTheMiddleOfAChildBothGoOn) {
  auto running = sandbox.start({"run", "parent", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"runs", "resume", id_of("parent"), "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(sandbox.run(id_of("child"))["status"], "completed");
  EXPECT_EQ(sandbox.runs().size(), 2U);
  EXPECT_EQ(sandbox.read("worked"), "once\n");
}

TEST_F(EventsTest, CancellingAParentFromAnotherTerminalCancelsItsChild) {
  auto running = sandbox.start({"run", "parent", "--json"});
  wait_for("started");
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", id_of("parent")});
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  EXPECT_EQ(running->wait().code, 1);
  EXPECT_EQ(sandbox.run(id_of("child"))["status"], "cancelled");
  wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
}

TEST_F(EventsTest, CancellingADeadParentEndsTheProcessesOfItsChild) {
  auto running = sandbox.start({"run", "parent", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  EXPECT_EQ(sandbox.agentcmd({"runs", "cancel", id_of("parent")}).code, 0);
  EXPECT_EQ(sandbox.run(id_of("parent"))["status"], "cancelled");
  EXPECT_EQ(sandbox.run(id_of("child"))["status"], "cancelled");
  wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
}

TEST_F(EventsTest, AWorkerTakesUpWhatAKilledProcessLeft) {
  auto running = sandbox.start({"run", "parent", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  auto worker = sandbox.start({"worker", "--json"});
  const auto ready = Json::parse(worker->line_with("ready"));
  EXPECT_EQ(ready["adopted"], 2);
  sandbox.write("go", "");
  wait_for_end(id_of("parent"));
  EXPECT_EQ(sandbox.run(id_of("parent"))["status"], "completed");
  EXPECT_EQ(sandbox.read("worked"), "once\n");
  EXPECT_TRUE(worker->line_with(id_of("parent")).contains("completed"));
  worker->signal(SIGTERM);
  EXPECT_EQ(worker->wait().code, 0);
}

TEST_F(EventsTest, AWorkerThatIsStoppedLeavesItsRunsResumable) {
  auto running = sandbox.start({"run", "parent", "--json"});
  wait_for("started");
  running->signal(SIGKILL);
  running->wait();
  auto worker = sandbox.start({"worker"});
  worker->line_with("Ready");
  worker->signal(SIGINT);
  EXPECT_EQ(worker->wait().code, 0);
  sandbox.write("go", "");
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id_of("parent"), "--json"}).code, 0);
  EXPECT_EQ(sandbox.read("worked"), "once\n");
}

TEST_F(EventsTest, TwoWorkersAtOnceExecuteEachRunOnce) {
  sandbox.define("sleeper.ts", R"(
export default defineWorkflow({ id: "sleeper" }, async ({ step }) => {
  await step.waitForEvent("w", { event: "pull/merged" });
  await step.cli("count", { command: "echo x >> counted" });
});
)");
  constexpr int count = 6;
  std::vector<std::unique_ptr<Running>> all;
  for (int i = 0; i < count; ++i) all.push_back(sandbox.start({"run", "sleeper", "--json"}));
  wait_until(
      [&] {
        const auto runs = sandbox.runs();
        return std::ranges::count_if(
                   runs, [](const Json& run) { return run["status"] == "waiting"; }) == count;
      },
      "all of them wait");
  for (auto& one : all) one->signal(SIGKILL);
  for (auto& one : all) one->wait();
  auto first = sandbox.start({"worker", "--json"});
  auto second = sandbox.start({"worker", "--json"});
  const auto a = Json::parse(first->line_with("ready"));
  const auto b = Json::parse(second->line_with("ready"));
  EXPECT_EQ(a["adopted"].get<int>() + b["adopted"].get<int>(), count);
  send("{}");
  for (const auto& run : sandbox.runs()) wait_for_end(run["id"]);
  const auto counted = sandbox.read("counted");
  EXPECT_EQ(std::ranges::count(counted, 'x'), count);
}

}  // namespace
}  // namespace agentcmd::test
