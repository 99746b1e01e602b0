// Code that does not behave, and workers that die.

#include "async/deadline.h"
#include "script/test_worker.h"

#include <unistd.h>

namespace agentcmd::script {
namespace {

using namespace history;
using namespace std::chrono_literals;

class WorkerLimits : public WorkerTest {
 protected:
  // A run in the same worker that must not notice.
  void begin_bystander() {
    bystander_ = load(R"(defineWorkflow({ id: 'b' }, async ({ step }) => {
      for (let i = 0;; i++) step.log('alive after ' + await step.cli('a' + i, {})); });)");
    complete(start_of("bystander", bystander_));
  }
  void expect_bystander_unharmed() {
    const StepKey key{"a" + std::to_string(bystander_steps_++)};
    const auto next = complete(then("bystander", bystander_, StepResolvedJob{key, {"1"}}));
    ASSERT_EQ(next.commands.size(), 2U);
    const auto& logged = std::get<Logged>(std::get<Note>(next.commands[0]).detail);
    EXPECT_EQ(logged.message, "alive after 1");
  }
  RunStopped stop_of(const std::string& code) {
    auto outcome = activate(start_of("culprit", load(code)));
    if (auto* stop = std::get_if<RunStopped>(&outcome)) return *stop;
    ADD_FAILURE() << "outcome " << outcome.index();
    return {};
  }

 private:
  std::string bystander_;
  int bystander_steps_ = 0;
};

TEST_F(WorkerLimits, AnEndlessLoopIsStoppedWithItsMappedStack) {
  start({"--cpu-ms=300"});
  begin_bystander();
  const auto stop = stop_of(
      "defineWorkflow({ id: 'x' }, async () => {\n"
      "  function spin() {\n    for (;;);\n  }\n  spin();\n});");
  EXPECT_EQ(stop.reason, "time");
  EXPECT_NE(stop.message.find("300 ms"), std::string::npos) << stop.message;
  EXPECT_TRUE(stop.stack.starts_with("at spin (flow.ts:1")) << stop.stack;
  expect_bystander_unharmed();
  EXPECT_TRUE(deaths.empty());
}

TEST_F(WorkerLimits, CodeThatHoldsOnIsStoppedToo) {
  start({"--cpu-ms=200"});
  begin_bystander();
  EXPECT_EQ(stop_of("defineWorkflow({ id: 'x' }, async () => {\n"
                    "  const again = () => Promise.resolve().then(() => { try { for (;;); } "
                    "finally { for (;;); } });\n"
                    "  again(); again(); await again();\n});")
                .reason,
            "time");
  expect_bystander_unharmed();
  EXPECT_EQ(stop_of("defineWorkflow({ id: 'x' }, async () => /(a+)+$/.test('a'.repeat(40) + 'b'));")
                .reason,
            "time");
  expect_bystander_unharmed();
}

TEST_F(WorkerLimits, AnEndlessLoopAtLoadIsAnErrorOfTheDefinition) {
  start({"--cpu-ms=200"});
  const auto info = wait(io, worker->describe(load("for (;;);")));
  ASSERT_FALSE(info);
  EXPECT_NE(info.error().message.find("endless loop"), std::string::npos);
  begin_bystander();
  expect_bystander_unharmed();
}

TEST_F(WorkerLimits, AMemoryBombIsStopped) {
  start({"--memory-mib=200"});
  begin_bystander();
  const auto stop = stop_of(
      "defineWorkflow({ id: 'x' }, async () => {\n"
      "  const all = [];\n  for (let i = 0;; i++) all.push(new Array(1000).fill(i));\n});");
  EXPECT_EQ(stop.reason, "memory");
  EXPECT_NE(stop.message.find("200 MiB"), std::string::npos);
  expect_bystander_unharmed();
}

std::size_t resident_bytes(pid_t process) {
  std::ifstream statm("/proc/" + std::to_string(process) + "/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(WorkerLimits, WhatARunThatIsEvictedHasTakenUpIsUsedAgain) {
  start();
  const auto hash = load(R"(globalThis.kept = new Array(1 << 20).fill(0.5);
    defineWorkflow({ id: 'x' }, async ({ step }) => step.cli('a', {}));)");
  constexpr int runs = 200;  // 8 MiB each
  for (int i = 0; i < runs; ++i) {
    const auto run = "r" + std::to_string(i);
    complete(start_of(run, hash));
    worker->evict({run});
  }
  EXPECT_LT(resident_bytes(pid), 800 * limits::mib);
}

TEST_F(WorkerLimits, AnEndlessChainOfAwaitsEndsTheWorkerAndNamesTheRun) {
  start({"--cpu-ms=200"});
  begin_bystander();
  const auto stop = stop_of("defineWorkflow({ id: 'x' }, async () => { for (;;) await null; });");
  EXPECT_EQ(stop.reason, "time");
  run_until([this] { return !deaths.empty(); });
  EXPECT_TRUE(std::holds_alternative<WorkerDied>(activate(start_of("later", "x"))));
}

TEST_F(WorkerLimits, AClosureStoppedBetweenActivationsIsReported) {
  start({"--cpu-ms=200"});
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) =>
    step.run('c', async (io) => { await io.effect('echo', {}); for (;;); }));)");
  complete(start_of("r1", hash));
  run_until([this] { return !stopped.empty(); });
  EXPECT_EQ(stopped[0].first.text, "r1");
  EXPECT_EQ(stopped[0].second.reason, "time");
}

TEST_F(WorkerLimits, AKilledWorkerFailsWhatIsPendingAndIsReported) {
  start();
  const auto hash = load("defineWorkflow({ id: 'x' }, async () => { for (;;); });");
  auto pending =
      boost::asio::co_spawn(io, worker->activate(start_of("r1", hash)), boost::asio::use_future);
  io.restart();
  io.run_one_for(50ms);
  ::kill(pid, SIGKILL);
  run_until([this] { return !deaths.empty(); });
  EXPECT_NE(deaths[0].find("signal 9"), std::string::npos) << deaths[0];
  run_until([&] { return pending.wait_for(0s) == std::future_status::ready; });
  EXPECT_TRUE(std::holds_alternative<WorkerDied>(pending.get()));
}

TEST_F(WorkerLimits, AWorkerThatGivesNoSignOfLifeIsKilled) {
  start({}, 400ms);
  ::kill(pid, SIGSTOP);
  const auto outcome = activate(start_of("r1", load("1")));
  EXPECT_NE(std::get<WorkerDied>(outcome).message.find("was stopped for"), std::string::npos);
}

// Longer than the worker may be silent.
Task<EffectResult> slow_answer() {
  co_await sleep_until(deadline_in(1200ms));
  co_return EffectResult{.ok = true, .value = {"1"}};
}

TEST_F(WorkerLimits, AWaitingEffectIsNoSilence) {
  handlers.effect = [](const Effect&) { return slow_answer(); };
  start({}, 400ms);
  complete(start_of("r1", load(R"(defineWorkflow({ id: 'x' }, async ({ step }) =>
    step.run('c', (io) => io.effectSync('slow', {})));)")));
  complete(start_of("r2", load(R"(defineWorkflow({ id: 'y' }, async () => 1);)")));
  EXPECT_TRUE(deaths.empty());
}

TEST_F(WorkerLimits, TheWorkerEndsWithItsDriverAlsoInTheMiddleOfALoop) {
  start();
  const auto hash = load("defineWorkflow({ id: 'x' }, async () => { for (;;); });");
  auto pending =
      boost::asio::co_spawn(io, worker->activate(start_of("r1", hash)), boost::asio::use_future);
  io.restart();
  io.run_one_for(50ms);
  wait(io, worker->stop());
  EXPECT_TRUE(std::holds_alternative<WorkerDied>(pending.get()));
  EXPECT_NE(::kill(pid, 0), 0);  // reaped
  EXPECT_TRUE(deaths.empty());   // nothing to report: we ended it
}

}  // namespace
}  // namespace agentcmd::script
