#include "base/limits.h"
#include "steps/test_support.h"

#include <unistd.h>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::eventually;
using process::write_file;
using CliStep = StepTest;

TEST_F(CliStep, ACommandThatSucceedsGivesTrimmedStreams) {
  const auto result = run_to_result(make_step("cli", {{"command", "echo ' out '; echo err >&2"}}));
  EXPECT_EQ(
      to_text(result["data"]),
      R"({"command":"echo ' out '; echo err >&2","exitCode":0,"stdout":"out","stderr":"err"})");
  EXPECT_TRUE(bool_or(result, "success"));
  EXPECT_FALSE(result.contains("error"));
  EXPECT_EQ(result["trace"][0]["exitCode"], 0);
  EXPECT_EQ(result["trace"][0]["exit"]["cause"], "exited");
}

TEST_F(CliStep, ACommandThatFailsIsAValue) {
  const auto result = run_to_result(make_step("cli", {{"command", "exit 7"}}));
  EXPECT_FALSE(bool_or(result, "success"));
  EXPECT_EQ(result["data"]["exitCode"], 7);
  EXPECT_EQ(string_or(result, "error"), "Command failed: exit code 7");
  auto unknown = make_step("cli", {{"command", "no-such-command-here"}});
  unknown.attempt = 2;
  EXPECT_EQ(run_to_result(unknown)["data"]["exitCode"], 127);
}

TEST_F(CliStep, ASignalIsNamed) {
  const auto result = run_to_result(make_step("cli", {{"command", "kill -KILL $$"}}));
  EXPECT_EQ(result["data"]["exitCode"], 137);
  EXPECT_EQ(result["trace"][0]["exit"]["signal"], "SIGKILL");
}

TEST_F(CliStep, WorkingDirIsCwdAndRelativeToTheRun) {
  fs::create_directories(project() / "süb dir");
  std::uint32_t attempt = 0;
  for (const auto* key : {"cwd", "workingDir"}) {
    auto step = make_step("cli", {{"command", "pwd"}, {key, "süb dir"}});
    step.attempt = ++attempt;  // an attempt's folder is used once
    EXPECT_EQ(run_to_result(step)["data"]["stdout"], fs::canonical(project() / "süb dir").string());
  }
  const auto missing = run_to_result(make_step("cli", {{"command", "pwd"}, {"cwd", "nowhere"}}));
  EXPECT_NE(string_or(missing, "failed").find("nowhere does not exist"), std::string::npos);
}

TEST_F(CliStep, TheStepsEnvironmentIsAddedToTheRuns) {
  auto step = make_step("cli", {{"command", "echo \"$A,$B,$C,$AGENTCMD_RUN\""},
                                {"env", {{"B", "2"}, {"C", nullptr}}}});
  step.run.env["A"] = "1";
  step.run.env["C"] = "3";
  EXPECT_EQ(run_to_result(step)["data"]["stdout"], "1,2,,r1");
}

TEST_F(CliStep, AMissingShellFailsTheStep) {
  const auto result =
      run_to_result(make_step("cli", {{"command", "true"}, {"shell", "/nowhere/sh"}}));
  EXPECT_NE(string_or(result, "failed").find("/nowhere/sh"), std::string::npos) << result;
}

TEST_F(CliStep, ATimeoutEndsTheStepAndSaysWhatWasSeen) {
  const auto outcome =
      run(make_step("cli", {{"command", "echo abc; sleep 1000"}}, {{"timeout", 100}}));
  const auto* late = std::get_if<TimedOut>(&outcome.what);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->failure.name, "TimeoutError");
  EXPECT_EQ(late->failure.timeout, "attempt");
  const auto& message = late->failure.message;
  EXPECT_NE(message.find("exceeded its attempt timeout of 100 ms"), std::string::npos) << message;
  EXPECT_NE(message.find("wrote 4 bytes"), std::string::npos) << message;
}

TEST_F(CliStep, OutputIsShownInWholeLinesAsItComes) {
  bool seen_while_running = false;
  host_.on_output = [&] {
    if (host_.shown["stdout"] == "one\n") {
      seen_while_running = true;
      write_file(project() / "go", "");
    }
  };
  const auto result = run_to_result(make_step(
      "cli",
      {{"command", "echo one; while [ ! -e go ]; do sleep 0.01; done; printf 'two\\nthree'"}}));
  EXPECT_TRUE(seen_while_running);
  EXPECT_EQ(host_.shown["stdout"], "one\ntwo\nthree\n");
  EXPECT_EQ(result["data"]["stdout"], "one\ntwo\nthree");
}

TEST_F(CliStep, WithoutAnAudienceOutputIsOnlyInTheResult) {
  host_.audience = false;
  const auto result = run_to_result(make_step("cli", {{"command", "echo ' out '; echo err >&2"}}));
  EXPECT_EQ(result["data"]["stdout"], "out");
  EXPECT_EQ(result["data"]["stderr"], "err");
  EXPECT_TRUE(host_.shown.empty());
}

TEST_F(CliStep, SecretsAreRedactedInResultAndOutput) {
  auto step = make_step("cli", {{"command", "echo the-secret-value"}});
  step.run.secrets = {Secret("the-secret-value")};
  const auto result = run_to_result(step);
  EXPECT_EQ(result["data"]["stdout"], "[redacted]");
  EXPECT_EQ(host_.shown["stdout"], "[redacted]\n");
}

TEST_F(CliStep, OutputThatIsNotUtf8IsStillAResult) {
  const auto result = run_to_result(make_step("cli", {{"command", "printf 'a\\377b'"}}));
  EXPECT_EQ(result["data"]["stdout"],
            "a\xEF\xBF\xBD"
            "b");
}

TEST_F(CliStep, MoreOutputThanAResultKeepsHasHeadAndTail) {
  const auto result = run_to_result(make_step(
      "cli",
      {{"command", "echo first; head -c 12000000 /dev/zero | tr '\\0' 'x'; echo; echo last"}}));
  const auto out = string_or(result["data"], "stdout");
  EXPECT_LT(out.size(), 11 * limits::mib);
  EXPECT_TRUE(out.starts_with("first\n"));
  EXPECT_TRUE(out.ends_with("last"));
}

TEST_F(CliStep, AStopKillsTheCommandAndItsChildren) {
  host_.on_output = [this] { stop_.request(); };
  const auto result =
      run_to_result(make_step("cli", {{"command", "setsid sleep " + unique_ + " & echo x; wait"}}));
  EXPECT_TRUE(bool_or(result, "cancelled")) << result;
  EXPECT_TRUE(eventually([this] { return !runs_anywhere(unique_); }));
}

TEST_F(CliStep, ARecoveredAttemptGoesOnWithItsProcess) {
  auto step = make_step(
      "cli",
      {{"command",
        "echo begun; echo x >> effects; while [ ! -e go ]; do sleep 0.01; done; echo done"}});
  run_until_killed(step, [this] { return contents(project() / "effects") == "x\n"; });
  write_file(project() / "go", "");
  step.recovery = Recovery{};
  EXPECT_EQ(run_to_result(step)["data"]["stdout"], "begun\ndone");
  EXPECT_EQ(contents(project() / "effects"), "x\n");
  EXPECT_EQ(host_.shown["stdout"], "begun\ndone\n");

  // And once more, now that it has ended: its result is harvested.
  EXPECT_EQ(run_to_result(step)["data"]["stdout"], "begun\ndone");
  EXPECT_EQ(contents(project() / "effects"), "x\n");
}

TEST_F(CliStep, ARecoveredAttemptThatNeverStartedIsStarted) {
  auto step = make_step("cli", {{"command", "echo x >> effects"}});
  step.recovery = Recovery{};
  EXPECT_TRUE(bool_or(run_to_result(step), "success"));
  EXPECT_EQ(contents(project() / "effects"), "x\n");
}

TEST_F(CliStep, AnEmptyCommandFails) {
  EXPECT_EQ(string_or(run_to_result(make_step("cli", {{"command", " "}})), "failed"),
            "step.cli needs a command");
}

TEST(StepTypes, EveryTypeIsFoundByItsName) {
  EXPECT_EQ(find_step_type("cli")->on_lost, OnLost::ask);
  EXPECT_EQ(find_step_type("agent")->slot, StepType::Slot::agent);
  EXPECT_EQ(find_step_type("git")->timeout, std::chrono::minutes(2));
  EXPECT_EQ(find_step_type("run"), nullptr);
}

TEST(Environment, OwnKeysReachNoStep) {
  ::setenv("AGENTCMD_TOKEN", "t", 1);
  ::setenv("AGENTCMD_TEST_PLAIN", "p", 1);
  const auto env = step_environment();
  EXPECT_EQ(env.count("AGENTCMD_TOKEN"), 0U);
  EXPECT_EQ(env.at("AGENTCMD_TEST_PLAIN"), "p");
  const auto few = step_environment(EnvironmentPolicy::allowlist);
  EXPECT_EQ(few.count("AGENTCMD_TEST_PLAIN"), 0U);
  EXPECT_EQ(few.count("PATH"), 1U);
}

}  // namespace
}  // namespace agentcmd::steps
