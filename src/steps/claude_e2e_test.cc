// The real Claude Code CLI against a stub of its model's API (tests/stub_model_server.mjs): what
// the tests through the binary (tests/e2e/claude_test.cc) leave out.

#include "base/text.h"
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
    char* argv[] = {node.data(), script.data(), nullptr};
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

TEST_F(ClaudeCode, ARefusedToolIsNotSuccess) {
  const auto result =
      run_to_result(claude("STUB-WRITE \"" + (project() / "new.txt").string() + "\" x",
                           {{"permissionMode", "default"}}));
  EXPECT_FALSE(bool_or(result, "success")) << result;
  EXPECT_NE(string_or(result, "error").find("Write("), std::string::npos) << result;
  EXPECT_FALSE(fs::exists(project() / "new.txt"));
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
