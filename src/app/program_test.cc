// The program as it is started from a shell: what needs neither a worker nor a run.

#include "async/task_group.h"
#include "base/id.h"
#include "base/json.h"
#include "process/command.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::app {
namespace {

namespace fs = std::filesystem;

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    SystemRandom random;
    root_ = fs::canonical(fs::temp_directory_path()) / make_id('t', random);
    fs::create_directories(root_ / "libexec" / "types");
    std::ofstream(root_ / "libexec" / "types" / "index.d.ts") << "export {};\n";
  }
  ~ProgramTest() override { fs::remove_all(root_); }

  process::CommandResult agentcmd(std::vector<std::string> words) {
    words.insert(words.begin(), AGENTCMD_TEST_BINARY);
    process::CommandSpec spec;
    spec.argv = std::move(words);
    spec.cwd = root_;
    spec.env = {{"AGENTCMD_HOME", home().string()},
                {"AGENTCMD_LIBEXEC", (root_ / "libexec").string()},
                {"ANTHROPIC_API_KEY", std::nullopt}};
    boost::asio::io_context loop;
    process::CommandResult result;
    TaskGroup tasks(loop.get_executor());
    tasks.spawn("agentcmd", run_into(loop.get_executor(), std::move(spec), result));
    loop.run();
    return result;
  }

  fs::path home() const { return root_ / "home"; }
  fs::path root() const { return root_; }

 private:
  static Task<> run_into(boost::asio::any_io_executor executor, process::CommandSpec spec,
                         process::CommandResult& result) {
    auto ran = co_await process::run_command(executor, std::move(spec));
    EXPECT_TRUE(ran) << ran.error().message;
    if (ran) result = *std::move(ran);
  }

  fs::path root_;
};

TEST_F(ProgramTest, VersionTouchesNothing) {
  EXPECT_EQ(agentcmd({"version"}).out, "agentcmd " AGENTCMD_VERSION "\n");
  EXPECT_EQ(Json::parse(agentcmd({"version", "--json"}).out)["version"], AGENTCMD_VERSION);
  EXPECT_FALSE(fs::exists(home()));
}

TEST_F(ProgramTest, ConfigNamesSources) {
  const auto shown = Json::parse(agentcmd({"config", "--json", "--log-level", "debug"}).out);
  EXPECT_EQ(shown["logLevel"]["source"], "flag");
  EXPECT_EQ(shown["home"]["value"], home().string());
  EXPECT_TRUE(shown["anthropicApiKey"]["value"].is_null());
}

TEST_F(ProgramTest, ABrokenConfigIsSaidAndNothingIsStarted) {
  fs::create_directories(home());
  std::ofstream(home() / "config.json") << "{";
  const auto result = agentcmd({"runs"});
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(result.err.starts_with("agentcmd: ")) << result.err;
  EXPECT_NE(result.err.find("config.json"), std::string::npos);
}

TEST_F(ProgramTest, InitMakesAProjectAndSaysWhatItDid) {
  const auto made = Json::parse(agentcmd({"init", "p", "--json"}).out);
  EXPECT_EQ(made["project"], (root() / "p").string());
  EXPECT_EQ(made["created"].size(), 4u);
  EXPECT_TRUE(Json::parse(agentcmd({"init", "p", "--json"}).out)["created"].empty());
}

TEST_F(ProgramTest, UnknownWordsExitWithTwoAndASuggestion) {
  const auto result = agentcmd({"rnus"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("Did you mean 'runs'?"), std::string::npos) << result.err;
}

TEST_F(ProgramTest, OutsideAProjectNothingRuns) {
  const auto result = agentcmd({"run", "x"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("agentcmd init"), std::string::npos) << result.err;
}

TEST_F(ProgramTest, ADetachedRunThatCannotStartSaysWhyToItsCaller) {
  const auto result = agentcmd({"run", "x", "--detach"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("agentcmd init"), std::string::npos) << result.err;
  EXPECT_TRUE(fs::is_empty(home() / "logs")) << "no log is left of a run that never was";
}

TEST_F(ProgramTest, ARunThatIsNotThereIsNamed) {
  const auto result = agentcmd({"runs", "show", "r123"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("r123"), std::string::npos) << result.err;
  EXPECT_EQ(agentcmd({"runs", "list", "--json"}).out, "[]\n");
}

TEST_F(ProgramTest, AHomeThatCannotBeMadeIsSaid) {
  std::ofstream(home()) << "a file where the folder should be";
  const auto result = agentcmd({"runs"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("AGENTCMD_HOME"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace agentcmd::app
