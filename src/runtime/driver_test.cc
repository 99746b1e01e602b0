#include "runtime/driver.h"

#include "async/task_group.h"
#include "base/limits.h"
#include "runtime/driver_fixture.h"

#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::runtime {
namespace {

class DriverTest : public DriverFixture {};

TEST_F(DriverTest, AClosuresResultTravelsThroughTheHistory) {
  Recorder recorder;
  auto one = driver(&recorder);
  const auto run = create(*one, "return await step.run('sum', async () => 1 + 2);");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::completed) << driven.message;
  EXPECT_EQ(driven.result.text, "3");
  EXPECT_EQ(recorder.count<history::StepCompleted>(), 3U) << "set-up, the step, finalise";
  wait(one->stop());
}

// The worker waits for the effect, the effect for the commit of the step's start: the commit must
// not wait for the worker.
TEST_F(DriverTest, AClosureWithASynchronousEffectBesideOneThatHasEndedDoesNotBlockTheRun) {
  auto one = driver();
  const auto run =
      create(*one,
             "const there = () => require('node:fs').existsSync('/');"
             "return await Promise.all([step.run('a', () => 1), step.run('b', there)]);");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.result.text, "[1,true]") << driven.message;
  wait(one->stop());
}

TEST_F(DriverTest, SequenceNumbersAreDenseAndTheHistoryReplays) {
  auto one = driver();
  const auto run = create(
      *one,
      "let n = 0; for (let i = 0; i < 10; i++) n += await step.run('s', async () => i); return n;");
  EXPECT_EQ(wait(one->drive(run, false)).value().result.text, "45");
  const auto events = wait(store->log().read(run, 0));
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].seq, i + 1);
  wait(one->stop());
}

TEST_F(DriverTest, AnUncaughtExceptionFailsTheRunWithItsMessage) {
  auto one = driver();
  const auto run = create(*one, "throw new Error('no luck');");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::failed);
  EXPECT_EQ(driven.message, "no luck");
  wait(one->stop());
}

TEST_F(DriverTest, APromiseThatNothingResolvesFailsTheRunInsteadOfHanging) {
  auto one = driver();
  const auto run = create(*one, "await new Promise(() => {});");
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::failed);
  EXPECT_NE(driven.message.find("promise"), std::string::npos) << driven.message;
  wait(one->stop());
}

// The row of a request is done with after the commit of what it led to, and not before.
TEST_F(DriverTest, AnAnswerOfADriverThatCouldNotRecordItIsTakenByTheNext) {
  Recorder recorder;
  auto one = driver(&recorder);
  const auto run = create(*one, "return await step.approve('go', { title: 'Go?' });");
  const auto waiting = wait(one->drive(run, false)).value();
  EXPECT_EQ(waiting.status, store::RunStatus::waiting);
  EXPECT_EQ(waiting.reason, "gate");
  store::Request answer{.id = 0,
                        .run = run,
                        .kind = "gate",
                        .data = {R"({"key":"go","approved":true,"by":"ada"})"},
                        .at = clock->now()};
  wait(store->requests().add(answer));

  // From here on the first driver can commit nothing more.
  const auto owner = wait(store->log().owner(run)).value();
  const auto taken = wait(store->log().take_over(run, owner, "d_gone")).value();
  EXPECT_FALSE(wait(one->drive(run, false)));
  EXPECT_EQ(recorder.count<history::GateDecided>(), 0U);
  EXPECT_EQ(wait(store->requests().pending(run)).size(), 1U);
  wait(one->stop());

  auto two = driver();
  ASSERT_TRUE(wait(two->adopt(run)));
  const auto driven = wait(two->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::completed) << driven.message;
  EXPECT_NE(driven.result.text.find(R"("approved":true)"), std::string::npos);
  EXPECT_TRUE(wait(store->requests().pending(run)).empty());
  wait(two->stop());
}

TEST_F(DriverTest, RequestsThatEndTheDrivingAreDoneWith) {
  auto one = driver();
  const auto run = create(*one, "await step.sleep('long', '1h');");
  store::Request pause{
      .id = 0, .run = run, .kind = "pause", .data = {R"({"by":"ada"})"}, .at = clock->now()};
  for (int i = 0; i < 3; ++i) wait(store->requests().add(pause));
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::paused);
  EXPECT_TRUE(wait(store->requests().pending(run)).empty()) << "they would pause the run again";
  wait(one->stop());
}

// The code is told of the beginning first: told of the cancellation alone it would never end.
TEST_F(DriverTest, ARunThatIsCancelledBeforeItBeginsEnds) {
  auto one = driver();
  const auto run = create(*one, "await step.sleep('long', '1h');");
  wait(one->cancel(run, "ada"));
  EXPECT_EQ(wait(one->drive(run, false)).value().status, store::RunStatus::cancelled);
  wait(one->stop());
}

// Histories of before a pause was kept from a run that is being cancelled.
TEST_F(DriverTest, ARunThatIsPausedInTheMidstOfItsCancellationIsEndedByAnotherCancel) {
  auto one = driver();
  const auto run = create(*one,
                          "step.cleanup(() => step.cli('clean', { command: 'touch cleaning; while "
                          "[ ! -e go ]; do sleep 0.02; done' }));"
                          "await step.sleep('long', '1h');");
  auto drive = start(*one, run);
  run_until([&] { return count<history::TimerStarted>(run) == 1; });
  wait(one->cancel(run, "ada"));
  run_until([&] { return fs::exists(project / "cleaning"); });
  wait(one->stop());
  wait(drive->tasks.join());
  one.reset();
  const auto seq = history_of(run).back().seq;
  const auto owner = *wait(store->log().owner(run));
  history::Event paused{.seq = seq + 1,
                        .at = clock->now(),
                        .detail = history::RunPaused{
                            .reason = "asked", .message = "Paused by bob.", .detail = {"{}"}}};
  std::vector<store::RunAppend> appends{
      {.run = run, .expected_seq = seq, .owner = owner, .events = {std::move(paused)}}};
  ASSERT_TRUE(wait(store->log().append(std::move(appends))));
  std::ofstream(project / "go") << "";
  ASSERT_TRUE(wait(
      request_cancel(io.get_executor(), *store, *clock, random, options(), run, "runs cancel")));
  EXPECT_EQ(row(run).status, store::RunStatus::cancelled) << row(run).reason;
}

TEST_F(DriverTest, ADriverThatWasStoppedExecutesNothingMore) {
  auto one = driver();
  const auto run = create(*one, "return 1;");
  wait(one->stop());
  const auto driven = wait(one->drive(run, false));
  ASSERT_FALSE(driven);
  EXPECT_EQ(driven.error().code, ErrorCode::cancelled);
}

TEST_F(DriverTest, ADriverWhoseRunWasTakenOverCanCommitNothingMore) {
  auto one = driver();
  const auto run = create(*one,
                          "await step.cli('wait', { command: 'touch started; while [ ! -e go ]; do "
                          "sleep 0.02; done' });"
                          "await step.cli('after', { command: 'echo once >> after' });");
  std::optional<Result<Driven>> first;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("first",
              [](Driver& owner, history::RunId id, std::optional<Result<Driven>>& out) -> Task<> {
                out = co_await owner.drive(id, false);
              }(*one, run, first));
  run_until([&] { return fs::exists(project / "started"); });
  // Without its file the first driver is taken for dead, though it lives.
  for (const auto& file : fs::directory_iterator(home.drivers())) fs::remove(file);
  auto two = driver();
  ASSERT_TRUE(wait(two->adopt(run)));
  std::ofstream(project / "go") << "";
  const auto second = wait(two->drive(run, false)).value();
  EXPECT_EQ(second.status, store::RunStatus::completed) << second.message;
  run_until([&] { return first.has_value(); });
  ASSERT_FALSE(*first);
  EXPECT_EQ(first->error().code, ErrorCode::conflict);
  std::ifstream after(project / "after");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(after), {}), "once\n");
  wait(tasks.join());
  wait(one->stop());
  wait(two->stop());
}

TEST_F(DriverTest, AStepThatIsLostAgainAndAgainPausesTheRun) {
  Recorder recorder;
  auto one = driver(&recorder);
  const auto run = create(*one, "await step.run('endless', () => new Promise(() => {}));");
  for (unsigned lost = 0; lost < limits::losses_in_a_row_max; ++lost) {
    TaskGroup tasks(io.get_executor());
    tasks.spawn("drive", [](Driver& owner, history::RunId id) -> Task<> {
      co_await owner.drive(std::move(id), false);
    }(*one, run));
    run_until([&] { return recorder.count<history::StepStarted>() == lost + 2; });
    wait(one->stop());
    wait(tasks.join());
    one = driver(&recorder);
    ASSERT_TRUE(wait(one->adopt(run)));
  }
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::paused);
  EXPECT_EQ(driven.reason, "lost");
  EXPECT_NE(driven.message.find("lost 5 times in a row"), std::string::npos) << driven.message;
  EXPECT_EQ(recorder.count<history::StepLost>(), limits::losses_in_a_row_max);
  wait(one->stop());
}

TEST_F(DriverTest, AWorkerThatIsKilledIsReplacedAndTheRunGoesOn) {
  auto one = driver();
  const auto run =
      create(*one,
             "let n = 1;"
             "await step.cli('kill', { command: 'kill -9 $(pgrep -f agentcmd-worker -P ' + "
             "event.data.args.pid + ')' });"
             "n += await step.run('two', async () => 1); return n;");
  // The step kills the worker while the run waits for it.
  const auto driven = wait(one->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::completed) << driven.message;
  EXPECT_EQ(driven.result.text, "2");
  wait(one->stop());
}

TEST_F(DriverTest, AnotherCodeUnderTheSameHistoryPausesTheRunAndShowsBothSides) {
  auto one = driver();
  const auto run =
      create(*one, "await step.run('first', async () => 1); await step.sleep('nap', 3600000);");
  std::optional<Result<Driven>> first;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("first",
              [](Driver& owner, history::RunId id, std::optional<Result<Driven>>& out) -> Task<> {
                out = co_await owner.drive(id, false);
              }(*one, run, first));
  run_until([&] { return wait(store->log().read(run, 0)).size() > 8; });
  wait(one->stop());
  run_until([&] { return first.has_value(); });
  wait(tasks.join());
  one.reset();
  // The bundle is exchanged behind the run's back: same hash in the history, other code under that
  // name.
  const auto hash = wait(store->log().read(run, 0));
  const auto other = bundle(
      "export default defineWorkflow({ id: 'one' }, async ({ step }) => {"
      "await step.run('second', async () => 1); });");
  // A history whose pin is the other code.
  auto two = driver();
  ASSERT_TRUE(wait(two->adopt(run)));
  const auto owner = wait(store->log().owner(run));
  std::vector<store::RunAppend> parts;
  parts.push_back(
      {.run = run,
       .expected_seq = hash.size(),
       .owner = *owner,
       .events = {{.seq = hash.size() + 1,
                   .at = clock->now(),
                   .detail = history::RunResumed{.by = "test", .code_hash = other.hash}}}});
  ASSERT_TRUE(wait(store->log().append(std::move(parts))));
  const auto driven = wait(two->drive(run, false)).value();
  EXPECT_EQ(driven.status, store::RunStatus::paused);
  EXPECT_EQ(driven.reason, "nondeterminism");
  EXPECT_NE(driven.message.find("first"), std::string::npos) << driven.message;
  EXPECT_NE(driven.message.find("second"), std::string::npos) << driven.message;
  wait(two->stop());
}

}  // namespace
}  // namespace agentcmd::runtime
