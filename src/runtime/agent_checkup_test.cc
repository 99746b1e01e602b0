#include "runtime/agent_checkup.h"

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include <filesystem>
#include <fstream>
#include <map>

namespace agentcmd::runtime {
namespace {

namespace fs = std::filesystem;

class AgentCheckupTest : public testing::Test {
 protected:
  AgentCheckupTest() {
    auto pattern = (fs::temp_directory_path() / "agentcmd-test-XXXXXX").string();
    root = mkdtemp(pattern.data());
    fs::create_directories(root / "bin");
    variables["PATH"] = (root / "bin").string();
    variables["HOME"] = root.string();
  }
  ~AgentCheckupTest() override { fs::remove_all(root); }

  void install(const std::string& name, const std::string& version) {
    std::ofstream(root / "bin" / name) << "#!/bin/sh\n";
    fs::permissions(root / "bin" / name, fs::perms::owner_all);
    tools.push_back({.name = name, .found = true, .version = version});
  }
  AgentState state_of(const std::string& name) {
    for (const auto& agent : examine_agents(tools, variables)) {
      if (agent.name == name) return agent;
    }
    ADD_FAILURE() << "no agent " << name;
    return {};
  }
  std::string said_of(const std::string& name) {
    std::string said;
    for (const auto& finding : findings_about({state_of(name)})) {
      EXPECT_EQ(finding.severity, store::Severity::note);
      EXPECT_FALSE(finding.action.empty());
      said += finding.what + "\n";
    }
    return said;
  }

  fs::path root;
  std::map<std::string, std::string> variables;
  std::vector<Tool> tools;
};

TEST_F(AgentCheckupTest, WhatIsNotInstalledIsNoReasonForAdvice) {
  EXPECT_TRUE(state_of("codex").path.empty());
  EXPECT_EQ(said_of("codex"), "");
}

TEST_F(AgentCheckupTest, AKeyOrALogInFileLogsIn) {
  install("claude", "2.1.197 (Claude Code)");
  EXPECT_EQ(said_of("claude"), "claude is installed, and nobody is logged in\n");
  fs::create_directories(root / ".claude");
  std::ofstream(root / ".claude" / ".credentials.json") << "{}";
  EXPECT_EQ(state_of("claude").login, (root / ".claude" / ".credentials.json").string());
  EXPECT_EQ(said_of("claude"), "");
  variables["CLAUDE_CONFIG_DIR"] = (root / "elsewhere").string();
  EXPECT_EQ(state_of("claude").login, "");
  variables["ANTHROPIC_API_KEY"] = "sk-secret";
  EXPECT_EQ(state_of("claude").login, "ANTHROPIC_API_KEY");
}

TEST_F(AgentCheckupTest, AnotherVersionThanTheOneThatWasTriedIsSaid) {
  variables["OPENAI_API_KEY"] = "sk-secret";
  install("codex", "codex-cli 0.170.0");
  EXPECT_EQ(said_of("codex"),
            "codex 0.170.0 is newer than 0.169.0, which agentcmd was tried with\n");
  tools.back().version = "codex-cli 0.9.0";
  EXPECT_TRUE(said_of("codex").contains("is older than")) << said_of("codex");
  tools.back().version = "what?";
  EXPECT_TRUE(said_of("codex").contains("does not say which version")) << said_of("codex");
}

TEST(AgentVersions, AreReadOutOfWhatIsSaidAndCompared) {
  EXPECT_EQ(version_in("2.1.197 (Claude Code)"), "2.1.197");
  EXPECT_EQ(version_in("codex-cli 0.169.0"), "0.169.0");
  EXPECT_EQ(version_in("version 7"), "");
  EXPECT_TRUE(is_newer("2.10.0", "2.9.9"));
  EXPECT_FALSE(is_newer("2.1.197", "2.1.197"));
  EXPECT_FALSE(is_newer("1.9", "2.0.0"));
}

}  // namespace
}  // namespace agentcmd::runtime
