// Waits, gates, patches, queries and progress, end to end between the driver's values and the SDK
// that is shipped: jobs in, commands out, and a replay of the same jobs gives the same commands.

#include "script/test_worker.h"

namespace agentcmd::script {
namespace {

using namespace history;

class EngineSteps : public WorkerTest {
 protected:
  void SetUp() override {
    const std::filesystem::path real = AGENTCMD_TEST_LIBEXEC;
    if (!std::filesystem::exists(real / "sdk.js")) GTEST_SKIP() << "the SDK is not built";
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(real / "sdk.js", libexec.path() / "sdk.js", replace);
    start();
  }

  // Starts a run of this body, past its set-up.
  void begin(const std::string& body) {
    hash = load("module.exports = defineWorkflow({ id: 'x' }, async ({ step, event }) => {\n" +
                body + "\n});");
    tell(start_of("r1", hash).jobs[0].what);
    const JsonText output{R"({"success":true,"data":{"workingDir":"/project"}})"};
    tell(StepResolvedJob{{"_system_setup/setup-workspace"}, output});
  }

  void tell(decltype(Job::what) what) {
    at += Milliseconds(1000);
    jobs.push_back({at, std::move(what)});
    auto completion = complete({.run = {"r1"}, .code_hash = hash, .jobs = {jobs.back()}});
    std::ranges::move(completion.commands, std::back_inserter(commands));
    std::ranges::move(completion.closures, std::back_inserter(closures));
  }

  // Everything that was asked for but notes, which a replay leaves out.
  static std::vector<Command> asked(const std::vector<Command>& commands) {
    std::vector<Command> asked;
    for (const auto& command : commands) {
      if (!std::holds_alternative<Note>(command)) asked.push_back(command);
    }
    return asked;
  }

  // The end of the run; by then a replay of all jobs in one activation has given the same commands.
  std::string result(std::vector<std::string> patches = {}) {
    tell(StepResolvedJob{{"_system_finalize/finalize-workspace"}, {R"({"success":true})"}});
    const auto again = complete({.run = {"r2"},
                                 .code_hash = hash,
                                 .replaying = true,
                                 .jobs = jobs,
                                 .patches = std::move(patches)});
    EXPECT_EQ(asked(again.commands), asked(commands));
    const auto& last = commands.back();
    if (const auto* failed = std::get_if<FailRun>(&last)) return failed->failure.message;
    return std::get<CompleteRun>(last).result.text;
  }

  template <typename What>
  std::vector<What> all() const {
    std::vector<What> found;
    for (const auto& command : commands) {
      if (const auto* one = std::get_if<What>(&command)) found.push_back(*one);
    }
    return found;
  }

  Result<JsonText> query(const std::string& name, const std::string& args = "null") {
    return wait(io, worker->query({"r1"}, name, {args}));
  }

  std::string hash;
  Time at = from_millis(1'000'000);
  std::vector<Job> jobs;
  std::vector<Command> commands;
  std::vector<ClosureEnd> closures;
};

TEST_F(EngineSteps, AWaitTakesAnEventAndAnEarlyOneIsKept) {
  begin(R"(
    const first = await step.waitForEvent('first', { event: 'x', timeout: '1h' });
    const second = await step.waitForEvent('second', { event: 'y', if: ({ data }) => data.n > 1 });
    const third = await step.waitForEvent('third', { event: 'x' });
    return [first, second.data, third];)");
  const StartWait expected{.key = {"first"},
                           .name = "first",
                           .phase = "",
                           .event = "x",
                           .timeout_at = at + std::chrono::hours(1)};
  ASSERT_EQ(all<StartWait>(), (std::vector{expected}));
  const auto event = [](std::string id, std::string name, std::string data) {
    return EventJob{.event = std::move(id),
                    .name = std::move(name),
                    .wait = {},
                    .sent_at = from_millis(0),
                    .data = {std::move(data)}};
  };
  tell(event("4", "y", R"({"n":1})"));
  tell(event("5", "y", R"({"n":2})"));
  tell(event("6", "x", R"("ä")"));
  tell(WaitTimedOutJob{{"third"}});
  const std::vector<MatchWait> taken{{{"first"}, "6"}, {{"second"}, "5"}};
  EXPECT_EQ(all<MatchWait>(), taken);
  EXPECT_EQ(result(),
            R"([{"id":"6","name":"x","data":"ä","at":"1970-01-01T00:00:00.000Z"},{"n":2},null])");
}

TEST_F(EngineSteps, AGateGivesWhatAPersonDecided) {
  begin(R"(return await Promise.race([
    step.approve('Ship it', { title: 'Ship?', options: ['now', 'later'], timeout: 5000 }),
    step.waitForEvent('never', { event: 'x' }),
    step.approve('other', { title: 'Other?' }),
  ]);)");
  const auto gates = all<StartGate>();
  ASSERT_EQ(gates.size(), 2U);
  EXPECT_EQ(gates[0].key.text, "ship-it");
  EXPECT_EQ(gates[0].name, "Ship it");
  EXPECT_EQ(gates[0].timeout_at, at + Milliseconds(5000));
  EXPECT_EQ(gates[0].gate.text, R"({"title":"Ship?","options":["now","later"]})");
  EXPECT_EQ(gates[1].timeout_at, Time());
  tell(GateDecidedJob{.key = {"ship-it"},
                      .approved = true,
                      .timed_out = false,
                      .option = "now",
                      .by = "ada",
                      .reason = "tests are green"});
  EXPECT_EQ(all<CancelWait>().size(), 1U);
  EXPECT_EQ(all<CancelGate>().size(), 1U);
  EXPECT_EQ(
      result(),
      R"({"approved":true,"option":"now","by":"ada","reason":"tests are green","at":"1970-01-01T00:16:43.000Z"})");
}

TEST_F(EngineSteps, APatchIsMarkedOnceAndAReplayIsToldOfIt) {
  begin("return [step.patched('p'), step.patched('p')];");
  const std::vector<Note> marked{{PatchMarked{"p"}}};
  std::vector<Note> found;
  for (const auto& note : all<Note>()) {
    if (std::holds_alternative<PatchMarked>(note.detail)) found.push_back(note);
  }
  EXPECT_EQ(found, marked);
  EXPECT_EQ(result({"p"}), "[true,true]");
}

TEST_F(EngineSteps, AQueryIsAnsweredBetweenActivations) {
  begin(R"(
    let n = 1;
    step.onQuery('n', (args) => ({ n, args }));
    step.onQuery('loop', () => { for (;;); });
    step.onQuery('bad', () => { throw new RangeError('not now'); });
    await step.cli('a', { command: 'x' });
    n = 2;
    await step.cli('b', { command: 'x' });)");
  const auto first = query("n", R"([1.0])");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->text, R"({"n":1,"args":[1]})");
  tell(StepResolvedJob{{"a"}, {"1"}});
  EXPECT_EQ(query("n")->text, R"({"n":2,"args":null})");

  const auto unknown = query("m");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_NE(unknown.error().message.find(R"(it answers "n", "loop", "bad")"), std::string::npos);
  const auto bad = query("bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(bad.error().message, "RangeError: not now");
  const auto missing = wait(io, worker->query({"r9"}, "n", {"null"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::unavailable);
}

// It costs its run the context, and nothing else: a replay brings the run back.
TEST_F(EngineSteps, AQueryThatDoesNotEndLeavesItsRunToAReplay) {
  begin(R"(
    step.onQuery('loop', () => { for (;;); });
    await step.cli('a', { command: 'x' });
    return 'done';)");
  const auto loop = query("loop");
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error().code, ErrorCode::failed_precondition);
  ASSERT_EQ(stopped.size(), 1U);
  EXPECT_EQ(stopped[0].second.reason, "missing");
  EXPECT_TRUE(deaths.empty());
  const auto again = query("loop");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::unavailable);
  complete({.run = {"r1"}, .code_hash = hash, .replaying = true, .jobs = jobs});
  tell(StepResolvedJob{{"a"}, {"1"}});
  EXPECT_EQ(result(), R"("done")");
}

TEST_F(EngineSteps, ProgressOfAClosureIsAnEffectAndComesBackToTheNextAttempt) {
  begin(R"(return await step.run('a', async ({ attempt, lastProgress, progress }) => {
    await progress({ seen: attempt });
    return [attempt, lastProgress];
  });)");
  run_until([this] { return ended.size() == 1; });
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].name, "progress");
  EXPECT_EQ(effects[0].args.text, R"({"details":"{\"seen\":1}"})");
  EXPECT_EQ(ended[0].second.output.text, "[1,null]");
  tell(RunClosureJob{.key = {"a"}, .attempt = 2, .progress = {R"({"seen":1})"}});
  jobs.pop_back();  // no event of the history
  run_until([this] { return ended.size() == 2; });
  EXPECT_EQ(ended[1].second.output.text, R"([2,{"seen":1}])");
  tell(StepResolvedJob{{"a"}, ended[1].second.output});
  EXPECT_EQ(result(), R"([2,{"seen":1}])");
}

TEST_F(EngineSteps, ErrorsOfClosuresSayWhetherAndWhenToTryAgain) {
  begin(R"(
    const { NonRetryableError, RetryAfterError } = require('agentcmd-workflows');
    await Promise.all([
      step.run('final', () => { throw new NonRetryableError('gone'); }),
      step.run('later', () => { throw new RetryAfterError('busy', '90s'); }),
    ]);)");
  ASSERT_EQ(closures.size(), 2U);
  EXPECT_TRUE(closures[0].failure.final);
  EXPECT_EQ(closures[0].failure.name, "NonRetryableError");
  EXPECT_FALSE(closures[1].failure.final);
  EXPECT_EQ(closures[1].failure.retry_after, 90'000U);
}

TEST_F(EngineSteps, ADeclarationThatDoesNotFitIsToldWithItsPlace) {
  const auto described = wait(
      io, worker->describe(
              load("\nmodule.exports = defineWorkflow({ id: 'x', concurrency: 0 }, () => {});")));
  ASSERT_FALSE(described);
  EXPECT_TRUE(described.error().message.starts_with("flow.ts:12:")) << described.error().message;
  EXPECT_NE(described.error().message.find("concurrency is 0; it must be 3, or"), std::string::npos)
      << described.error().message;
}

}  // namespace
}  // namespace agentcmd::script
