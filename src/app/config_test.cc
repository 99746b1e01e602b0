#include "app/config.h"

#include "base/id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace agentcmd::app {
namespace {

namespace fs = std::filesystem;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    SystemRandom random;
    home_ = fs::temp_directory_path() / make_id('t', random);
    fs::create_directories(home_);
    variables_["AGENTCMD_HOME"] = home_.string();
  }
  ~ConfigTest() override { fs::remove_all(home_); }

  void write_file(std::string_view text) { std::ofstream(home_ / "config.json") << text; }
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }

  Result<Config> load(const std::map<std::string, std::string>& flags = {}) {
    return load_config(flags, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    });
  }

  static cli::SettingRow row(const Config& config, const std::string& key) {
    const auto found = std::ranges::find(config.rows, key, &cli::SettingRow::key);
    return found == config.rows.end() ? cli::SettingRow{} : *found;
  }

 private:
  fs::path home_;
  std::map<std::string, std::string> variables_;
};

TEST_F(ConfigTest, DefaultsHoldWithoutAFile) {
  const auto config = load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->port, 4100);
  EXPECT_EQ(row(*config, "port").source, "default");
  EXPECT_EQ(row(*config, "home").source, "environment AGENTCMD_HOME");
}

TEST_F(ConfigTest, RetentionIsOffUntilALimitIsSetAndTakesNothingElse) {
  EXPECT_FALSE(load()->retention.is_set());
  write_file(R"({"retention": {"days": 30, "runs": 100}})");
  const auto config = load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->retention.older_than, std::chrono::days(30));
  EXPECT_EQ(config->retention.keep, 100U);
  for (const auto* wrong : {"30", "{}", R"({"days": 0})", R"({"days": -3})", R"({"days": 1.5})",
                            R"({"weeks": 3})", R"({"runs": "all"})"}) {
    write_file(std::string(R"({"retention": )") + wrong + "}");
    const auto refused = load();
    ASSERT_FALSE(refused) << wrong;
    EXPECT_TRUE(refused.error().message.contains(R"({"days": 30, "runs": 100})"))
        << refused.error().message;
  }
}

TEST_F(ConfigTest, TheFileWinsOverTheDefault) {
  write_file(R"({"port": 5000, "logLevel": "error", "inngestPort": 8288})");
  const auto config = load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->port, 5000);
  EXPECT_TRUE(row(*config, "port").source.ends_with("config.json"));
  EXPECT_EQ(config->level(), log::Level::error);
}

TEST_F(ConfigTest, TheEnvironmentWinsOverTheFile) {
  write_file(R"({"port": 5000})");
  set("AGENTCMD_PORT", "6000");
  const auto config = load();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->port, 6000);
  EXPECT_EQ(row(*config, "port").source, "environment AGENTCMD_PORT");
}

TEST_F(ConfigTest, AFlagWinsOverTheEnvironment) {
  set("AGENTCMD_LOG_LEVEL", "error");
  const auto config = load({{"logLevel", "debug"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->level(), log::Level::debug);
  EXPECT_EQ(row(*config, "logLevel").source, "flag");
}

TEST_F(ConfigTest, LimitsAreAnObjectInTheFile) {
  EXPECT_EQ(load()->limits.runs, limits::runs_at_once);
  write_file(R"({"limits": {"runs": 3, "runsPerProject": 0}})");
  auto config = load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->limits.runs, 3U);
  EXPECT_EQ(config->limits.runs_per_project, 0U);
  EXPECT_TRUE(row(*config, "limits.runs").source.ends_with("config.json"));
  set("AGENTCMD_LIMITS_RUNS", "-1");
  config = load();
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("limits.runs of environment"), std::string::npos)
      << config.error().message;
}

TEST_F(ConfigTest, SecretsAreMaskedAndKnown) {
  write_file(R"({"anthropicApiKey": "sk-ant-0123456789abcdef"})");
  const auto config = load();
  ASSERT_TRUE(config);
  EXPECT_EQ(row(*config, "anthropicApiKey").value, "********cdef");
  ASSERT_EQ(config->secrets().size(), 1u);
  EXPECT_EQ(config->secrets()[0].reveal(), "sk-ant-0123456789abcdef");
}

TEST_F(ConfigTest, AShortSecretShowsNothingOfItself) {
  set("AGENTCMD_OPENAI_API_KEY", "short");
  const auto config = load();
  ASSERT_TRUE(config);
  EXPECT_EQ(row(*config, "openaiApiKey").value, "********");
}

TEST_F(ConfigTest, HostStepsInheritTheEnvironmentUnlessOtherwiseSaid) {
  auto config = load();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->env, steps::EnvironmentPolicy::inherit);
  EXPECT_EQ(row(*config, "env").value, "inherit");
  write_file(R"({"env": "allowlist"})");
  config = load();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->env, steps::EnvironmentPolicy::allowlist);
  write_file(R"({"env": "none"})");
  config = load();
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.ends_with("expected inherit or allowlist, got 'none'"));
}

TEST_F(ConfigTest, WhatIsWrongIsSaidWithItsSource) {
  set("AGENTCMD_PORT", "seventy");
  const auto config = load();
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            "port of environment AGENTCMD_PORT: expected a port from 1 to 65535, got 'seventy'");
}

TEST_F(ConfigTest, ABrokenFileIsNamedWithItsLine) {
  write_file("{\n  port: 1\n}");
  const auto config = load();
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("config.json: not valid JSON at line 2"), std::string::npos)
      << config.error().message;
}

}  // namespace
}  // namespace agentcmd::app
