// Runs that hear of each other: events of their project, and children.

#include "base/limits.h"
#include "runtime/driver_fixture.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using history::EventReceived;
using history::RunCreated;
using history::StepCheckpoint;
using history::StepScheduled;
using history::WaitMatched;
using history::WaitStarted;
using store::RunStatus;

class FamilyTest : public DriverFixture {
 protected:
  void wait_for_file(const std::string& name) {
    run_until([&] { return fs::exists(project / name); });
  }
  void touch(const std::string& name) { std::ofstream(project / name) << ""; }
  std::string read(const std::string& name) {
    std::ifstream in(project / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The driver stops in the midst of the run.
  void leave(std::unique_ptr<Driver> driver, Drive& drive) {
    wait(driver->stop());
    run_until([&] { return drive.driven.has_value(); });
    wait(drive.tasks.join());
  }
};

// Leaves `child-started` behind, and goes on when there is `go`.
constexpr auto waits_for_go =
    "await step.cli('wait', { command: 'echo x >> child-started; while [ ! -e go ]; do sleep 0.02; "
    "done' });";

TEST_F(FamilyTest, AnEventThatCameBeforeTheWaitIsKeptForIt) {
  auto one = driver();
  const auto run =
      create(*one, "return (await step.waitForEvent('w', { event: 'ready' })).data.n;");
  send("ready", R"({"n":7})");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.result.text, "7") << driven.message;
  wait(one->stop());
}

TEST_F(FamilyTest, AnEventThatCameBeforeTheRunIsNotItsOwn) {
  send("ready", R"({"n":1})");
  auto one = driver();
  const auto run =
      create(*one, "return (await step.waitForEvent('w', { event: 'ready' })).data.n;");
  Recorder unused;
  auto drive = start(*one, run);
  run_until([&] { return count<WaitStarted>(run) == 1; });
  send("ready", R"({"n":2})");
  EXPECT_EQ(end_of(*drive).result.text, "2");
  wait(one->stop());
}

TEST_F(FamilyTest, OneEventEndsOneOfTwoWaits) {
  auto one = driver();
  const auto run = create(*one,
                          "const wait = (id) => step.waitForEvent(id, { event: 'ready' });"
                          "const [a, b] = await Promise.all([wait('a'), wait('b')]);"
                          "return [a.data.n, b.data.n];");
  auto drive = start(*one, run);
  run_until([&] { return count<WaitStarted>(run) == 2; });
  send("ready", R"({"n":1})");
  run_until([&] { return count<WaitMatched>(run) == 1; });
  EXPECT_FALSE(drive->driven);
  send("ready", R"({"n":2})");
  EXPECT_EQ(end_of(*drive).result.text, "[1,2]");
  EXPECT_EQ(count<EventReceived>(run), 2U);
  wait(one->stop());
}

TEST_F(FamilyTest, WhatAConditionDoesNotWantIsKeptForALaterWait) {
  auto one = driver();
  const auto run = create(*one,
                          "const big = await step.waitForEvent('big', { event: 'n', "
                          "if: (e) => e.data.n > 10 });"
                          "const any = await step.waitForEvent('any', { event: 'n' });"
                          "return [big.data.n, any.data.n];");
  send("n", R"({"n":1})");
  send("n", R"({"n":11})");
  EXPECT_EQ(wait(one->drive(run, false)).value().result.text, "[11,1]");
  wait(one->stop());
}

TEST_F(FamilyTest, EventsAreReceivedOnceAlthoughTheRunIsReplayed) {
  auto one = driver();
  const auto run = create(*one,
                          "const a = await step.waitForEvent('a', { event: 'n' });"
                          "const b = await step.waitForEvent('b', { event: 'n' });"
                          "return [a.data.n, b.data.n];");
  send("n", R"({"n":1})");
  auto drive = start(*one, run);
  run_until([&] { return count<WaitStarted>(run) == 2; });
  wait(one->stop());
  run_until([&] { return drive->driven.has_value(); });
  wait(drive->tasks.join());
  send("n", R"({"n":2})");
  auto two = driver();
  one.reset();
  ASSERT_TRUE(wait(two->adopt(run)));
  EXPECT_EQ(wait(two->drive(run, false)).value().result.text, "[1,2]");
  EXPECT_EQ(count<EventReceived>(run), 2U);
  wait(two->stop());
}

TEST_F(FamilyTest, ASentEventReachesAnotherRunAndNamesItsSender) {
  auto one = driver();
  const auto waiting =
      create(*one, "return (await step.waitForEvent('w', { event: 'told' })).data.by;");
  auto drive = start(*one, waiting);
  run_until([&] { return count<WaitStarted>(waiting) == 1; });
  const auto sending = create(*one,
                              "const sent = await step.sendEvent('tell', { name: 'told', "
                              "data: { by: 'me' } }); return sent.ids.length;");
  EXPECT_EQ(wait(one->drive(sending, false)).value().result.text, "1");
  EXPECT_EQ(end_of(*drive).result.text, "\"me\"");
  const auto events = wait(store->events().list({}));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].source, fmt::format("run {}, step 'tell'", sending.text));
  EXPECT_EQ(events[0].once, fmt::format("{}/tell#0", sending.text));
  wait(one->stop());
}

TEST_F(FamilyTest, AChildsResultIsTheResultOfTheStep) {
  define("child", "return { sum: event.data.args.a + 1, name: event.data.name };");
  auto one = driver();
  const auto run = create(*one,
                          "return await step.invoke('c', { workflow: 'child', args: { a: 1 }, "
                          "name: 'the child' });");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.result.text, R"({"sum":2,"name":"the child"})") << driven.message;
  const auto child = children(run).at(0);
  EXPECT_EQ(child.origin, "invoke");
  EXPECT_EQ(child.parent_key, "c");
  wait(one->stop());
}

TEST_F(FamilyTest, TheChildIsCreatedTogetherWithTheParentsCheckpoint) {
  define("child", "return 1;");
  auto one = driver();
  const auto run = create(*one, "await step.invoke('c', { workflow: 'child' });");
  wait(one->drive(run, false)).value();
  std::string child;
  for (const auto& event : history_of(run)) {
    const auto* checkpoint = std::get_if<StepCheckpoint>(&event.detail);
    if (checkpoint == nullptr) continue;
    child = string_or(parse_trusted(checkpoint->data.text, "checkpoint"), "child");
  }
  EXPECT_EQ(child, children(run).at(0).id.text);
  wait(one->stop());
}

TEST_F(FamilyTest, AChildsFailureIsThrownWithItsMessage) {
  define("child", "throw new Error('no luck');");
  auto one = driver();
  const auto run = create(*one,
                          "try { await step.invoke('c', { workflow: 'child' }); }"
                          "catch (e) { return [e.name, e.message]; }");
  const auto driven = wait(one->drive(run, false)).value();
  const auto child = children(run).at(0).id.text;
  EXPECT_EQ(
      driven.result.text,
      fmt::format(R"(["ChildFailedError","workflow 'child' (run {}) failed: no luck"])", child));
  EXPECT_EQ(children(run).size(), 1U) << "it is not tried again";
  wait(one->stop());
}

TEST_F(FamilyTest, AnUnknownWorkflowFailsTheStepAndCreatesNothing) {
  auto one = driver();
  const auto run = create(*one, "await step.invoke('c', { workflow: 'nobody' });");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, RunStatus::failed);
  EXPECT_EQ(driven.message, "workflow 'nobody' cannot be invoked: no definition 'nobody'");
  EXPECT_TRUE(children(run).empty());
  wait(one->stop());
}

TEST_F(FamilyTest, AGrandchildsResultComesUp) {
  define("grandchild", "return 'deep';");
  define("child", "return await step.invoke('g', { workflow: 'grandchild' });");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'child' });");
  EXPECT_EQ(wait(one->drive(run, false)).value().result.text, R"("deep")");
  wait(one->stop());
}

TEST_F(FamilyTest, WorkflowsThatInvokeEachOtherInACircleFail) {
  define("again", "return await step.invoke('c', { workflow: 'again' });");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'again' });");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, RunStatus::failed);
  EXPECT_NE(driven.message.find("in a circle"), std::string::npos) << driven.message;
  EXPECT_EQ(wait(store->catalog().runs({})).size(), limits::invoke_depth_max);
  wait(one->stop());
}

TEST_F(FamilyTest, AChildIsTakenUpAgainWithItsParent) {
  define("child", std::string(waits_for_go) + "return 'went';");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'child' });");
  auto drive = start(*one, run);
  wait_for_file("child-started");
  leave(std::move(one), *drive);
  auto two = driver();
  ASSERT_TRUE(wait(two->adopt(run)));
  touch("go");
  const auto driven = wait(two->drive(run, false)).value();
  EXPECT_EQ(driven.result.text, R"("went")") << driven.message;
  EXPECT_EQ(children(run).size(), 1U) << "no second child";
  EXPECT_EQ(read("child-started"), "x\n") << "its step went on";
  wait(two->stop());
}

TEST_F(FamilyTest, AChildThatEndedWhileNobodyDroveItsParentIsFound) {
  define("child", std::string(waits_for_go) + "return 'went';");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'child' });");
  auto drive = start(*one, run);
  wait_for_file("child-started");
  leave(std::move(one), *drive);
  touch("go");
  auto two = driver();
  const auto child = children(run).at(0).id;
  ASSERT_TRUE(wait(two->adopt(child)));
  EXPECT_EQ(wait(two->drive(child, false)).value().status, RunStatus::completed);
  wait(two->stop());
  two.reset();
  auto three = driver();
  ASSERT_TRUE(wait(three->adopt(run)));
  EXPECT_EQ(wait(three->drive(run, false)).value().result.text, R"("went")");
  wait(three->stop());
}

TEST_F(FamilyTest, ACancelledParentCancelsItsChild) {
  define("child", "try { " + std::string(waits_for_go) +
                      " } finally { await step.cli('up', { command: 'touch cleaned' }); }");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'child' });");
  auto drive = start(*one, run);
  wait_for_file("child-started");
  wait(one->cancel(run, "test"));
  EXPECT_EQ(end_of(*drive).status, RunStatus::cancelled);
  EXPECT_EQ(children(run).at(0).status, RunStatus::cancelled);
  EXPECT_TRUE(fs::exists(project / "cleaned")) << "with its clean-up";
  wait(one->stop());
}

TEST_F(FamilyTest, AnAbandonedChildGoesOnWithoutItsParent) {
  define("child", waits_for_go);
  auto one = driver();
  const auto run =
      create(*one, "await step.invoke('c', { workflow: 'child', parentClose: 'abandon' });");
  auto drive = start(*one, run);
  wait_for_file("child-started");
  wait(one->cancel(run, "test"));
  EXPECT_EQ(end_of(*drive).status, RunStatus::cancelled);
  EXPECT_EQ(children(run).at(0).status, RunStatus::running);
  touch("go");
  run_until([&] { return children(run).at(0).status == RunStatus::completed; });
  wait(one->stop());
}

TEST_F(FamilyTest, AChildThatMissesItsTimeIsCancelled) {
  define("child", waits_for_go);
  auto one = driver();
  const auto run = create(*one,
                          "try { await step.invoke('c', { workflow: 'child', timeout: 1 }); }"
                          "catch (e) { return e.name; }");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.result.text, R"("TimeoutError")") << driven.message;
  EXPECT_EQ(children(run).at(0).status, RunStatus::cancelled);
  wait(one->stop());
}

TEST_F(FamilyTest, AChildThatSomebodyCancelsIsAnErrorForItsParent) {
  define("child", waits_for_go);
  auto one = driver();
  const auto run = create(*one,
                          "try { await step.invoke('c', { workflow: 'child' }); }"
                          "catch (e) { return e.name; }");
  auto drive = start(*one, run);
  wait_for_file("child-started");
  wait(one->cancel(children(run).at(0).id, "somebody"));
  EXPECT_EQ(end_of(*drive).result.text, R"("CancelledError")");
  wait(one->stop());
}

TEST_F(FamilyTest, AParentWhoseChildWaitsForAPersonSaysSo) {
  define("child", "await step.approve('ok', { title: 'Go?' });");
  auto one = driver();
  const auto run = create(*one, "await step.invoke('c', { workflow: 'child' });");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, RunStatus::waiting);
  EXPECT_EQ(driven.reason, "child");
  EXPECT_NE(driven.message.find(children(run).at(0).id.text), std::string::npos) << driven.message;
  EXPECT_NE(driven.message.find("Go?"), std::string::npos) << driven.message;
  wait(one->stop());
}

TEST_F(FamilyTest, AChildWorksWhereItsParentWorks) {
  define("child", "return event.data.workingDir;");
  auto one = driver();
  const auto run = create(*one, "return await step.invoke('c', { workflow: 'child' });");
  EXPECT_EQ(wait(one->drive(run, false)).value().result.text, "\"" + project.string() + "\"");
  wait(one->stop());
}

}  // namespace
}  // namespace agentcmd::runtime
