#include "async/wakeup.h"
#include "script/test_worker.h"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <set>

namespace agentcmd::script {
namespace {

using namespace history;

constexpr const char* two_steps = R"(
defineWorkflow({ id: 'two', phases: ['a', { id: 'b', label: 'B' }], timeout: 5000, concurrency: 3,
                 argsSchema: { type: 'object' } },
  async ({ step, event, now }) => {
    const first = await step.cli('build/one', { command: 'make', note: 'ä"\n' });
    await step.sleep('nap', now() + 500);
    return { first, at: now(), seed: event.seed };
  });
)";

TEST_F(WorkerTest, DescribeSaysWhatTheDefinitionDeclares) {
  start();
  const auto info = wait(io, worker->describe(load(two_steps)));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->id, "two");
  ASSERT_EQ(info->phases.size(), 2U);
  EXPECT_EQ(info->phases[1].label, "B");
  EXPECT_EQ(info->timeout, std::chrono::seconds(5));
  EXPECT_EQ(info->args_schema, (JsonText{R"({"type":"object"})"}));
  EXPECT_EQ(info->config, (JsonText{R"({"concurrency":3})"}));
}

TEST_F(WorkerTest, CodeThatThrowsAtLoadIsReportedWithItsPlace) {
  start();
  const auto thrown = wait(io, worker->describe(load("\n\nnull.missing;")));
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(thrown.error().message.starts_with("flow.ts:13:1: TypeError: "))
      << thrown.error().message;
  const auto nothing = wait(io, worker->describe(load("1;")));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message, "flow.ts:1:1: exports no workflow");
  EXPECT_TRUE(wait(io, worker->describe(load(two_steps))));  // and no other is disturbed
}

TEST_F(WorkerTest, ActivationsAreAnsweredWithCommands) {
  start();
  const auto hash = load(two_steps);
  const auto first = complete(start_of("r1", hash));
  ASSERT_EQ(first.commands.size(), 1U);
  const ScheduleStep expected{.key = {"build/one"},
                              .type = "cli",
                              .name = "build/one",
                              .phase = "build",
                              .input = {R"({"command":"make","note":"ä\"\n"})"}};
  EXPECT_EQ(std::get<ScheduleStep>(first.commands[0]), expected);

  const auto second = complete(then("r1", hash, StepResolvedJob{{"build/one"}, {R"({"x":"é"})"}}));
  ASSERT_EQ(second.commands.size(), 1U);
  EXPECT_EQ(std::get<StartTimer>(second.commands[0]).fire_at, from_millis(2500));

  const auto third = complete(then("r1", hash, TimerFiredJob{{"nap"}}));
  ASSERT_EQ(third.commands.size(), 1U);
  EXPECT_EQ(std::get<CompleteRun>(third.commands[0]).result.text,
            R"({"first":{"x":"é"},"at":2000,"seed":"18446744073709551615"})");
}

TEST_F(WorkerTest, AReplayInOneActivationGivesTheSameCommands) {
  start();
  const auto hash = load(two_steps);
  auto whole = start_of("r1", hash);
  whole.replaying = true;
  whole.jobs.push_back({from_millis(2000), StepResolvedJob{{"build/one"}, {"1"}}});
  whole.jobs.push_back({from_millis(3000), TimerFiredJob{{"nap"}}});
  EXPECT_EQ(complete(whole).commands.size(), 3U);
}

TEST_F(WorkerTest, AFailureThrownIntoTheWorkflowIsReportedWithItsMappedStack) {
  start();
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) => {
  await step.cli('a', {});
  function deep() { throw new RangeError('too far'); }
  deep();
});)");
  complete(start_of("r1", hash));
  const auto end = complete(then("r1", hash, StepResolvedJob{{"a"}, {"1"}}));
  const auto& failure = std::get<FailRun>(end.commands.at(0)).failure;
  EXPECT_EQ(failure.name, "RangeError");
  EXPECT_EQ(failure.message, "too far");
  EXPECT_TRUE(failure.stack.starts_with("at deep (flow.ts:13:1)\nat ")) << failure.stack;
}

TEST_F(WorkerTest, RejectedStepsThrowAndCancelReachesTheCode) {
  start();
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) => {
  try { await step.cli('a', {}); } catch (error) { step.log(error.name + ': ' + error.message); }
  await step.cli('b', {});
});)");
  complete(start_of("r1", hash));
  const StepRejectedJob rejected{{"a"}, {.name = "TimeoutError", .message = "late", .stack = ""}};
  const auto second = complete(then("r1", hash, rejected));
  EXPECT_EQ(std::get<Note>(second.commands.at(0)),
            (Note{Logged{.level = "info", .phase = "", .message = "TimeoutError: late"}}));
  const auto third = complete(then("r1", hash, CancelJob{"Ctrl-C"}));
  EXPECT_EQ(std::get<FailRun>(third.commands.at(0)).failure.message, "Ctrl-C");
}

TEST_F(WorkerTest, ClosuresWithoutEffectsEndInTheSameCompletion) {
  start();
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) =>
    Promise.all([step.run('good', () => 42), step.run('bad', () => { throw new Error('no'); })]));)");
  const auto completion = complete(start_of("r1", hash));
  EXPECT_EQ(completion.commands.size(), 2U);
  ASSERT_EQ(completion.closures.size(), 2U);
  EXPECT_EQ(completion.closures[0].output.text, "42");
  EXPECT_TRUE(completion.closures[1].threw);
  EXPECT_EQ(completion.closures[1].failure.message, "no");
}

TEST_F(WorkerTest, AReplayRunsNoClosureUntilItIsAskedTo) {
  start();
  const auto hash =
      load(R"(defineWorkflow({ id: 'x' }, async ({ step }) => step.run('c', () => 1));)");
  auto replay = start_of("r1", hash);
  replay.replaying = true;
  EXPECT_TRUE(complete(replay).closures.empty());
  const auto again = complete(then("r1", hash, RunClosureJob{{"c"}, 2}));
  ASSERT_FALSE(again.closures.empty());
  EXPECT_EQ(again.closures[0].attempt, 2U);
}

constexpr const char* with_effects = R"(defineWorkflow({ id: 'x' }, async ({ step }) =>
  step.run('c', async (io) => {
    const a = await io.effect('fs.readFile', { path: 'ä.txt' });
    const b = io.effectSync('process.env', { name: 'HOME' });
    const c = await io.effect('fail', {}).catch((e) => e.code + ' ' + e.message);
    let d; try { io.effectSync('fail', {}); } catch (e) { d = e.code; }
    return { a, b, c, d };
  }));)";

TEST_F(WorkerTest, EffectsAreAnsweredAsynchronouslyAndSynchronously) {
  start();
  const auto completion = complete(start_of("r1", load(with_effects)));
  EXPECT_TRUE(completion.closures.empty());
  EXPECT_EQ(completion.commands.size(), 1U);
  run_until([this] { return !ended.empty(); });
  EXPECT_EQ(ended[0].first.text, "r1");
  EXPECT_EQ(
      ended[0].second.output.text,
      R"({"a":{"path":"ä.txt"},"b":{"name":"HOME"},"c":"ENOENT ENOENT: no such file","d":"ENOENT"})");
  ASSERT_EQ(effects.size(), 4U);
  EXPECT_EQ(effects[0].key.text, "c");
  EXPECT_EQ(effects[0].attempt, 1U);
}

Task<EffectResult> wait_for_gate(Wakeup& changed, const bool& open) {
  while (!open) co_await changed.wait();
  co_return EffectResult{.ok = true, .value = {"7"}};
}

TEST_F(WorkerTest, OtherRunsAreAnsweredAfterASynchronousEffect) {
  Wakeup changed(io.get_executor());
  bool open = false;
  handlers.effect = [&](const Effect&) { return wait_for_gate(changed, open); };
  start();
  const auto slow = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) =>
    step.run('c', (io) => io.effectSync('wait', {})));)");
  const auto quick = load(two_steps);
  complete(start_of("slow", slow));
  auto other = boost::asio::co_spawn(io, worker->activate(start_of("quick", quick)),
                                     boost::asio::use_future);
  io.poll();
  open = true;
  changed.notify();
  run_until([&] { return other.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_TRUE(std::holds_alternative<Completion>(other.get()));
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].second.output.text, "7");
}

TEST_F(WorkerTest, ManyRunsShareOneWorkerAndNothingElse) {
  start();
  const auto hash = load(R"(globalThis.seen = (globalThis.seen ?? 0) + 1;
defineWorkflow({ id: 'x' }, async ({ step }) => step.run('c', () => globalThis.seen));)");
  for (int i = 0; i < 50; ++i) {
    const auto completion = complete(start_of("r" + std::to_string(i), hash));
    ASSERT_EQ(completion.closures.at(0).output.text, "1");
  }
}

TEST_F(WorkerTest, AnEvictedRunNeedsItsWholeHistory) {
  start();
  const auto hash = load(two_steps);
  complete(start_of("r1", hash));
  worker->evict({"r1"});
  const auto outcome = activate(then("r1", hash, StepResolvedJob{{"build/one"}, {"1"}}));
  EXPECT_EQ(std::get<RunStopped>(outcome).reason, "missing");
  EXPECT_EQ(complete(start_of("r1", hash)).commands.size(), 1U);
}

TEST_F(WorkerTest, LoneSurrogatesBecomeReplacementCharacters) {
  start();
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) => {
    step.log('a\ud800b'); return 'c\udc00 \\ud800 \u{1F600}'; });)");
  const auto completion = complete(start_of("r1", hash));
  const auto& logged = std::get<Logged>(std::get<Note>(completion.commands.at(0)).detail);
  EXPECT_EQ(logged.message, "a\uFFFDb");
  const auto& result = std::get<CompleteRun>(completion.commands.at(1)).result.text;
  EXPECT_EQ(parse_json(result, "result").value(), "c\uFFFD \\ud800 😀");
}

TEST_F(WorkerTest, DigestsClocksAndRandomnessComeFromTheHost) {
  start();
  const auto hash = load(R"(defineWorkflow({ id: 'x' }, async ({ step }) => step.run('c', (io) => {
    const hex = (s) => [...s].map((c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
    let unknown; try { io.digest('nope', ''); } catch (e) { unknown = e.message; }
    return [hex(io.digest('sha256', 'abc')).slice(0, 8), hex(io.digest('md5', '')).slice(0, 8),
            hex(io.digest('sha1', 'x', 'key')).slice(0, 8), io.randomBytes(16).length,
            io.now() > 1.7e12, unknown];
  }));)");
  EXPECT_EQ(complete(start_of("r1", hash)).closures.at(0).output.text,
            R"(["ba7816bf","d41d8cd9","2a00e8e8",16,true,"unknown digest algorithm 'nope'"])");
}

TEST_F(WorkerTest, FindingsAreToldInPlacesOfTheSource) {
  start();
  const auto findings = wait(io, worker->check(load("1;\nnew Date();")));
  ASSERT_TRUE(findings) << findings.error().message;
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_EQ(findings->at(0).file, "flow.ts");
  EXPECT_EQ(findings->at(0).line, 12);
  EXPECT_EQ(findings->at(0).treatment, "recorded");
}

TEST_F(WorkerTest, CheckWithoutItsScriptIsAnError) {
  std::filesystem::remove(libexec.path() / "analyze.js");
  start();
  const auto findings = wait(io, worker->check(load("1")));
  ASSERT_FALSE(findings);
  EXPECT_NE(findings.error().message.find("analyze.js is missing"), std::string::npos);
}

TEST_F(WorkerTest, AMissingProgramOrSdkIsAnError) {
  std::filesystem::remove(libexec.path() / "sdk.js");
  auto started = wait(io, start_worker(io.get_executor(), libexec.path(), handlers));
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("sdk.js is missing"), std::string::npos);
  libexec.write("sdk.js", "(function broken( {");
  started = wait(io, start_worker(io.get_executor(), libexec.path(), handlers));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::unavailable);
  std::filesystem::remove(libexec.path() / "agentcmd-worker");
  started = wait(io, start_worker(io.get_executor(), libexec.path(), handlers));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::not_found);
}

// What the worker's file descriptors are.
std::map<int, std::string> open_files(pid_t pid) {
  std::map<int, std::string> files;
  const auto folder = std::filesystem::path("/proc") / std::to_string(pid) / "fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[std::stoi(entry.path().filename())] = std::filesystem::read_symlink(entry.path());
  }
  return files;
}

TEST_F(WorkerTest, TheProcessHoldsNothingOfOurs) {
  ::setenv("AGENTCMD_TEST_TOKEN", "hush", 1);
  const auto secret = libexec.write("secret", "hush");
  const int ours = ::open(secret.c_str(), O_RDONLY);
  start();
  std::ifstream environment("/proc/" + std::to_string(pid) + "/environ");
  std::string text;
  std::getline(environment, text);
  std::ranges::replace(text, '\0', ' ');
  EXPECT_EQ(text,
            "TZ=UTC LANG=C.UTF-8 JSC_thresholdForOptimizeAfterWarmUp=100000 "
            "JSC_smallHeapSize=67108864 JSC_usePollingTraps=1 JSC_useConcurrentJIT=0 ");
  auto files = open_files(pid);
  EXPECT_EQ(files[0], "/dev/null");
  EXPECT_EQ(files[1], "/dev/null");
  EXPECT_TRUE(files[3].starts_with("socket:"));
  for (auto file = files.upper_bound(3); file != files.end(); ++file) {
    const auto& name = file->second;
    const bool own =
        name.ends_with("/statm") || name == "/dev/urandom" || name.starts_with("anon_inode:");
    EXPECT_TRUE(own) << name;
  }
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::set<std::string> lines;
  for (std::string line; std::getline(status, line);) lines.insert(line);
#if !__has_feature(address_sanitizer)
  EXPECT_TRUE(lines.contains("Seccomp:\t2"));
#endif
  EXPECT_TRUE(lines.contains("NoNewPrivs:\t1"));
  ::close(ours);
  ::unsetenv("AGENTCMD_TEST_TOKEN");
}

}  // namespace
}  // namespace agentcmd::script
