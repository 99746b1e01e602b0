// The real Claude Code CLI against a stub of its model's API (tests/stub_model_server.mjs): what
// the tests through the binary (tests/e2e/claude_test.cc) leave out.

#include "base/text.h"
#include "process/input_frames.h"
#include "steps/test_support.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::eventually;

// The folder of the CLI's program: that of `scripts/deps --agents`.
fs::path agents_folder() {
  if (const char* named = ::getenv("AGENTCMD_TEST_AGENTS")) return named;
  const auto lock = contents(fs::path(AGENTCMD_SOURCE_DIR) / "tests/agents/package-lock.json");
  const char* home = ::getenv("HOME");
  std::error_code absent;
  const fs::path cache = fs::path(home != nullptr ? home : "/") / ".cache/agentcmd/agents";
  for (const auto& entry : fs::directory_iterator(cache, absent)) {
    if (contents(entry.path() / "package-lock.json") == lock) {
      return entry.path() / "node_modules/.bin";
    }
  }
  return "/nowhere";
}

class ClaudeCode : public StepTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::exists(agents_folder() / "claude"))
        << "Claude Code is missing: run scripts/deps --agents";
    start_stub();
  }

  ~ClaudeCode() override {
    if (stub_ > 0) {
      ::kill(stub_, SIGKILL);
      ::waitpid(stub_, nullptr, 0);
    }
  }

  // The body of the last request to the model.
  std::string last_request() const {
    const auto lines = split(trim(contents(dir_ / "requests")), '\n');
    return lines.back();
  }

  Step claude(std::string prompt, Json config = Json::object()) {
    config["agent"] = "claude";
    config["prompt"] = std::move(prompt);
    auto step = make_step("agent", std::move(config));
    auto& env = step.run.env;
    env["CLAUDE_CLI_PATH"] = (agents_folder() / "claude").string();
    env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:" + port_;
    env["ANTHROPIC_API_KEY"] = "stub";
    env["CLAUDE_CONFIG_DIR"] = (dir_ / "config").string();
    for (const auto* name : {"ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}) env.erase(name);
    return step;
  }

 private:
  void start_stub() {
    const auto out = (dir_ / "port").string();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0644);
    // Ours stays open as long as we live; the stub ends when it closes.
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    std::string script = AGENTCMD_SOURCE_DIR "/tests/stub_model_server.mjs";
    std::string node = "node";
    std::string log = (dir_ / "requests").string();
    char* argv[] = {node.data(), script.data(), log.data(), nullptr};
    ASSERT_EQ(::posix_spawnp(&stub_, "node", &actions, nullptr, argv, environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    ASSERT_TRUE(eventually([&out] { return contents(out).ends_with('\n'); }));
    port_ = std::string(trim(contents(out)));
  }

  pid_t stub_ = -1;
  std::string port_;
};

TEST_F(ClaudeCode, RepliesWithTextUsageAndSession) {
  const auto result = run_to_result(claude("--help STUB-SAY Größe 42"));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_EQ(string_or(result, "data"), "Größe 42");
  EXPECT_EQ(result["usage"]["inputTokens"], 100);
  EXPECT_GT(result["cost"].get<double>(), 0);
  EXPECT_EQ(string_or(result, "sessionId"),
            string_or(parse_trusted(host_.checkpoints.at(0).text, "c"), "sessionId"));
}

// What a person would answer, and on whose behalf it is remembered.
history::GateDecided yes() {
  return {.approved = true, .option = "allow once", .by = "test"};
}

TEST_F(ClaudeCode, AnAnswerThatNobodyGaveIsNoAndNotSuccess) {
  host_.on_ask = [](const Question&) { return history::GateDecided{.timed_out = true}; };
  const auto result =
      run_to_result(claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x",
                           {{"permissionMode", "default"}}));
  EXPECT_FALSE(bool_or(result, "success")) << result;
  EXPECT_NE(string_or(result, "error").find("Write("), std::string::npos) << result;
  EXPECT_FALSE(fs::exists(project() / "new.txt"));
}

TEST_F(ClaudeCode, APersonIsShownTheChangeAndAllowsIt) {
  host_.on_ask = [](const Question&) { return yes(); };
  const auto result =
      run_to_result(claude("STUB-WRITE \"" + (project() / "a.txt").string() + "\" two",
                           {{"permissionMode", "default"}}));
  ASSERT_EQ(host_.asked.size(), 1U) << result;
  const auto& question = host_.asked[0];
  EXPECT_EQ(question.gate.text, "phase/agent/ask1");
  EXPECT_EQ(question.timeout, std::chrono::minutes(10));
  const auto gate = parse_trusted(question.said.text, "gate");
  EXPECT_TRUE(string_or(gate, "title").starts_with("claude wants to use Write(")) << gate;
  EXPECT_TRUE(string_or(gate, "body").contains("+two")) << gate;
  EXPECT_EQ(string_or(gate, "tool"), "Write");
}

TEST_F(ClaudeCode, AnAllowedToolIsUsedWithTheInputThatThePersonChanged) {
  host_.on_ask = [this](const Question&) {
    auto decision = yes();
    decision.input = to_text({{"file_path", (project() / "other.txt").string()}});
    return decision;
  };
  const auto result =
      run_to_result(claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" text",
                           {{"permissionMode", "default"}}));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_FALSE(fs::exists(project() / "new.txt"));
  EXPECT_EQ(contents(project() / "other.txt"), "text");
}

TEST_F(ClaudeCode, WhatAPersonRefusesIsToldToTheModelAndIsNoFailure) {
  host_.on_ask = [](const Question&) {
    return history::GateDecided{.approved = false, .by = "test", .reason = "rather not today"};
  };
  const auto result =
      run_to_result(claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x",
                           {{"permissionMode", "default"}}));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_EQ(result["permissionDenials"].size(), 1U);
  EXPECT_FALSE(fs::exists(project() / "new.txt"));
  EXPECT_TRUE(last_request().contains("rather not today"));
}

TEST_F(ClaudeCode, ARuleAnswersWithoutAPerson) {
  process::write_file(project() / "mark.sh", "touch marked\n");
  const auto result =
      run_to_result(claude("STUB-BASH sh mark.sh --now", {{"allow", {"Bash(sh mark.sh:*)"}}}));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_TRUE(host_.asked.empty());
  EXPECT_TRUE(fs::exists(project() / "marked"));
  EXPECT_TRUE(host_.shown["agent"].contains("permission mode acceptEdits")) << host_.shown["agent"];
  EXPECT_TRUE(host_.shown["agent"].contains("allowed by the rule Bash(sh mark.sh:*)"));
}

TEST_F(ClaudeCode, RulesOfTheProjectAndOfTheRunHoldToo) {
  process::write_file(project() / "mark.sh", "touch marked.$1\n");
  fs::create_directories(project() / ".agent");
  process::write_file(project() / ".agent/permissions.json",
                      R"x({"allow": ["Bash(sh mark.sh 1)"]})x");
  host_.allowed = {"Bash(sh mark.sh 2)"};
  run_to_result(claude("STUB-BASH sh mark.sh 1"));
  auto second = claude("STUB-BASH sh mark.sh 2");
  second.run.run_dir = dir_ / "second";
  run_to_result(second);
  EXPECT_TRUE(host_.asked.empty());
  EXPECT_TRUE(fs::exists(project() / "marked.1") && fs::exists(project() / "marked.2"));
}

TEST_F(ClaudeCode, AWrongRuleIsToldBeforeAnythingStarts) {
  auto result = run_to_result(claude("STUB-SAY hi", {{"allow", {"Bash(npm"}}}));
  EXPECT_TRUE(result["failed"].dump().contains("Bash(npm test:*)")) << result;
  fs::create_directories(project() / ".agent");
  process::write_file(project() / ".agent/permissions.json", R"x({"allow": ["(x)"]})x");
  result = run_to_result(claude("STUB-SAY hi"));
  EXPECT_TRUE(result["failed"].dump().contains("permissions.json")) << result;
  EXPECT_FALSE(fs::exists(make_step("agent", Json::object()).attempt_dir()));
}

TEST_F(ClaudeCode, AQuestionOfTheAgentOffersItsAnswers) {
  host_.on_ask = [](const Question& question) {
    const auto gate = parse_trusted(question.said.text, "gate");
    return history::GateDecided{.approved = true, .option = gate["options"][1], .by = "test"};
  };
  const Json asks{{"questions",
                   {{{"question", "Which colour?"},
                     {"header", "Colour"},
                     {"multiSelect", false},
                     {"options",
                      {{{"label", "red"}, {"description", "warm"}},
                       {{"label", "blue"}, {"description", "cold"}}}}}}}};
  const auto result = run_to_result(claude("STUB-TOOL AskUserQuestion " + to_text(asks)));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  ASSERT_EQ(host_.asked.size(), 1U);
  EXPECT_TRUE(host_.asked[0].said.text.contains("claude asks: Which colour?"));
  EXPECT_TRUE(last_request().contains("blue")) << last_request();
}

TEST_F(ClaudeCode, InPlanModeNothingIsChangedAndThePlanIsAskedAbout) {
  host_.on_ask = [](const Question&) {
    return history::GateDecided{.approved = false, .by = "test", .reason = "plan again"};
  };
  const auto refused = run_to_result(claude(
      "STUB-WRITE \"" + (project() / "new.txt").string() + "\" x", {{"permissionMode", "plan"}}));
  EXPECT_FALSE(fs::exists(project() / "new.txt")) << refused;
  EXPECT_TRUE(host_.asked.empty());
  auto plans = claude("STUB-TOOL ExitPlanMode {\"plan\":\"1. Think. 2. Do.\"}",
                      {{"permissionMode", "plan"}});
  plans.run.run_dir = dir_ / "second";
  run_to_result(plans);
  ASSERT_EQ(host_.asked.size(), 1U);
  const auto gate = parse_trusted(host_.asked[0].said.text, "gate");
  EXPECT_EQ(string_or(gate, "kind"), "plan");
  EXPECT_TRUE(last_request().contains("plan again"));
}

// The driver dies with the question unanswered; the next one asks the same, and answers once.
TEST_F(ClaudeCode, AQuestionSurvivesItsDriver) {
  auto step = claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x",
                     {{"permissionMode", "default"}});
  const auto raised = [&] {
    return contents(step.attempt_dir() / "stdout").contains("can_use_tool");
  };
  run_until_killed(step, raised);
  step.recovery = Recovery{.checkpoint = checkpoint_before_};
  host_.on_ask = [](const Question&) { return yes(); };
  const auto result = run_to_result(step);
  EXPECT_TRUE(bool_or(result, "success")) << result;
  ASSERT_EQ(host_.asked.size(), 1U);
  EXPECT_EQ(host_.asked[0].gate.text, "phase/agent/ask1");
  EXPECT_EQ(contents(project() / "new.txt"), "x");
  // Handshake, prompt, answer, end.
  EXPECT_EQ(process::sent_frames(step.attempt_dir()).size(), 4U);
}

// The driver dies when the answer has been sent and before it has heard of the effect.
TEST_F(ClaudeCode, AnAnswerIsNotSentTwice) {
  auto step = claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x",
                     {{"permissionMode", "default"}});
  on_ask_ = [](const Question&) { return yes(); };
  run_until_killed(step, [&] { return process::sent_frames(step.attempt_dir()).size() >= 3; });
  step.recovery = Recovery{.checkpoint = checkpoint_before_};
  const auto result = run_to_result(step);
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_TRUE(host_.asked.empty());
  EXPECT_EQ(process::sent_frames(step.attempt_dir()).size(), 4U);
}

TEST_F(ClaudeCode, AForkGoesOnFromACopyAndLeavesTheSessionAsItIs) {
  const auto first = run_to_result(claude("STUB-SAY first"));
  ASSERT_TRUE(bool_or(first, "success")) << first;
  const auto session = string_or(first, "sessionId");
  auto step = claude("and now?", {{"resume", session}, {"fork", true}});
  step.run.run_dir = dir_ / "second";
  const auto forked = run_to_result(step);
  EXPECT_EQ(string_or(forked, "data"), "first") << forked;
  EXPECT_NE(string_or(forked, "sessionId"), session);
  EXPECT_EQ(string_or(forked, "sessionId"),
            string_or(parse_trusted(host_.checkpoints.at(1).text, "c"), "sessionId"));
}

TEST_F(ClaudeCode, MoreTurnsThanAllowedAreNotSuccess) {
  const auto result = run_to_result(
      claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x", {{"maxTurns", 1}}));
  EXPECT_FALSE(bool_or(result, "success")) << result;
  EXPECT_TRUE(string_or(result, "error").contains("turns")) << result;
}

TEST_F(ClaudeCode, ATwoMegabytePromptArrives) {
  const auto result = run_to_result(claude("STUB-SAY whole\n" + std::string(2'000'000, 'x')));
  EXPECT_EQ(string_or(result, "data"), "whole") << to_text(result).substr(0, 500);
}

TEST_F(ClaudeCode, AResumedSessionKnowsWhatWasSaid) {
  const auto first = run_to_result(claude("STUB-SAY first"));
  ASSERT_TRUE(bool_or(first, "success")) << first;
  auto step = claude("and now?");
  step.attempt = 2;
  step.lost_checkpoint = JsonText{to_text(
      {{"agent", "claude"}, {"sessionId", string_or(first, "sessionId")}, {"resume", false}})};
  const auto second = run_to_result(step);
  // The stub finds the word of the first turn in the conversation.
  EXPECT_EQ(string_or(second, "data"), "first") << second;
  EXPECT_EQ(string_or(second, "sessionId"), string_or(first, "sessionId"));
}

}  // namespace
}  // namespace agentcmd::steps
