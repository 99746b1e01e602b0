// The worker with the SDK that is shipped.

#include "script/test_worker.h"

namespace agentcmd::script {
namespace {

using namespace history;

class RealSdk : public WorkerTest {
 protected:
  void SetUp() override {
    const std::filesystem::path real = AGENTCMD_TEST_LIBEXEC;
    if (!std::filesystem::exists(real / "sdk.js")) GTEST_SKIP() << "the SDK is not built";
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(real / "sdk.js", libexec.path() / "sdk.js", replace);
    std::filesystem::copy_file(real / "analyze.js", libexec.path() / "analyze.js", replace);
    start();
  }

  // What the body returns.
  std::string result_of(const std::string& body, const std::string& run = "r1") {
    const auto hash =
        load("module.exports = defineWorkflow({ id: 'x' }, async ({ step, event }) => {\n" + body +
             "\n});");
    auto next = start_of(run, hash);
    // The automatic set-up and finalise steps are answered as if they had worked.
    for (int round = 0; round < 5; ++round) {
      const auto completion = complete(std::exchange(next, {}));
      for (const auto& command : completion.commands) {
        if (const auto* end = std::get_if<CompleteRun>(&command)) return end->result.text;
        if (const auto* end = std::get_if<FailRun>(&command)) return end->failure.message;
        if (const auto* step = std::get_if<ScheduleStep>(&command)) {
          const JsonText output{R"({"success":true,"data":{"workingDir":"/project"}})"};
          next = then(run, hash, StepResolvedJob{step->key, output});
        }
      }
      if (next.jobs.empty()) break;
    }
    return "did not end";
  }
};

// Each way out, tried in its own context: nothing may work, and nothing may harm the worker.
TEST_F(RealSdk, WorkflowCodeFindsNoWayOut) {
  const std::vector<std::string> refused{
      "require('fs').readFileSync('/etc/passwd')",
      "require('node:fs').writeFileSync('/tmp/agentcmd-escape', 'x')",
      "await require('fs/promises').readFile('/etc/passwd')",
      "require('node:child_process').execSync('id')",
      "require('node:net').connect(80)",
      "require('node:vm').runInThisContext('1')",
      "await fetch('http://127.0.0.1/')",
      "Function('return this')()",
      "eval('1')",
      "(async () => {}).constructor('return 1')()",
      "(function* () {}).constructor('return 1')()",
      "await import('node:fs').then((fs) => fs.readFileSync('/etc/passwd'))",
      "process.binding('fs')",
      "process.env.HOME.length",
      "process.dlopen({}, 'x')",
      "process.kill(1)",
      "process.exit(0)",
      "new WebAssembly.Module(new Uint8Array(8))",
      "new SharedArrayBuffer(8)",
      "new WeakRef({})",
      "new FinalizationRegistry(() => {})",
      "Atomics.wait(new Int32Array(8), 0, 0)",
      "host.now()",
      "createSdk",
  };
  int number = 0;
  for (const auto& code : refused) {
    const auto result =
        result_of("try { " + code + "; return 'worked'; } catch (e) { return 'refused'; }",
                  "r" + std::to_string(number++));
    EXPECT_EQ(result, "\"refused\"") << code;
  }
  EXPECT_TRUE(effects.empty());
  EXPECT_TRUE(deaths.empty());
}

TEST_F(RealSdk, TheHostIsOutOfReach) {
  EXPECT_EQ(result_of(R"(
    const names = new Set();
    const look = (value, depth) => {
      if (value === null || (typeof value !== 'object' && typeof value !== 'function') || depth > 4) return;
      let keys; try { keys = Reflect.ownKeys(value); } catch { return; }
      for (const key of keys) {
        names.add(String(key));
        let next; try { next = value[key]; } catch { continue; }
        look(next, depth + 1);
      }
      look(Object.getPrototypeOf(value), depth + 1);
    };
    look(globalThis, 0); look(step, 0); look(event, 0);
    return ['effectSync', 'closureEnded', 'mapStack', 'beginClosure', 'effectAnswered']
      .filter((name) => names.has(name));)"),
            "[]");
}

// Clock and randomness of the machine are nowhere to be seen: two workers, the same commands.
TEST_F(RealSdk, TwoWorkersAtDifferentTimesGiveTheSameCommands) {
  const std::string body = R"(
    const crypto = require('node:crypto');
    return [Date.now(), new Date().toString(), new Date(2020, 5).getTime(), Math.random(), crypto.randomUUID(),
            performance.now(), new Intl.DateTimeFormat().format(), new Date().toLocaleString(),
            Intl.DateTimeFormat().resolvedOptions().timeZone, new Date().constructor.now()];)";
  const auto first = result_of(body);
  EXPECT_EQ(result_of(body, "other"), first);
  wait(io, worker->stop());
  start();
  EXPECT_EQ(result_of(body), first);
  EXPECT_TRUE(first.starts_with("[2000,")) << first;
}

// What asks is line 2 of the bundle; the automatic set-up has no line.
TEST_F(RealSdk, AReplayThatWantsToKnowIsToldWhereTheCodeAsked) {
  const auto hash = load(
      "module.exports = defineWorkflow({ id: 'x' }, async ({ step }) => {\n"
      "  await step.cli('look', { command: 'true' }); });");
  auto replay = start_of("r1", hash);
  replay.jobs.push_back(
      then("r1", hash,
           StepResolvedJob{{"_system_setup/setup-workspace"}, {R"({"success":true,"data":{}})"}})
          .jobs.front());
  replay.replaying = true;
  std::vector<std::string> places;
  for (const bool locate : {false, true}) {
    replay.locate = locate;
    for (const auto& command : complete(replay).commands) {
      if (const auto* step = std::get_if<ScheduleStep>(&command)) places.push_back(step->place);
    }
    worker->evict({"r1"});
  }
  ASSERT_EQ(places.size(), 4U);
  EXPECT_EQ(places[0] + places[1] + places[2], "");
  EXPECT_TRUE(places[3].contains(":12:")) << places[3];
}

TEST_F(RealSdk, FindingsHaveTheirPlace) {
  const auto findings = wait(io, worker->check(load("const a = 1;\nconst b = Math.random();")));
  ASSERT_TRUE(findings) << findings.error().message;
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_EQ(findings->at(0).line, 12);
  EXPECT_EQ(findings->at(0).treatment, "seeded");
}

}  // namespace
}  // namespace agentcmd::script
