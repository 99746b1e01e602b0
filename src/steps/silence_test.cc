#include "steps/silence.h"

#include "process/signs_of_life.h"
#include "steps/test_support.h"

#include <fstream>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Silence : public StepTest {
 protected:
  Outcome run_cli(const std::string& command, Json options) {
    return run(make_step("cli", {{"command", command}}, std::move(options)));
  }
  std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    for (const auto& note : host_.notes) {
      if (const auto* logged = std::get_if<history::Logged>(&note)) {
        texts.push_back(logged->message);
      }
    }
    return texts;
  }
};

TEST_F(Silence, ASilentCommandIsWarnedAboutAndThenInterrupted) {
  const auto outcome = run_cli("trap 'exit 3' INT; sleep 1000 & wait",
                               {{"silence", {{"warn", 100}, {"interrupt", 250}}}});
  const auto* late = std::get_if<TimedOut>(&outcome.what);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->failure.timeout, "silence");
  EXPECT_NE(late->failure.message.find("exceeded its silence timeout"), std::string::npos)
      << late->failure.message;
  ASSERT_EQ(warnings().size(), 2U);
  EXPECT_NE(warnings()[0].find("no output, no CPU time, no changed file"), std::string::npos);
  EXPECT_NE(warnings()[1].find("is interrupted"), std::string::npos);
}

TEST_F(Silence, WhoIgnoresTheInterruptIsKilled) {
  const auto outcome =
      run_cli("trap '' INT; sleep 1000", {{"silence", {{"interrupt", 100}, {"kill", 200}}}});
  const auto* late = std::get_if<TimedOut>(&outcome.what);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->failure.timeout, "silence");
  ASSERT_EQ(warnings().size(), 2U);
  EXPECT_NE(warnings()[1].find("is killed"), std::string::npos);
}

TEST_F(Silence, AnInterruptedCommandThatEndsWellHasEndedWell) {
  const auto result = result_of(run_cli("trap 'echo saved; exit 0' INT; sleep 1000 & wait",
                                        {{"silence", {{"interrupt", 100}}}}));
  EXPECT_EQ(result["data"]["stdout"], "saved") << result;
}

TEST_F(Silence, CpuTimeOfADescendantIsASignOfLife) {
  const auto outcome =
      run_cli("(while :; do :; done) & wait", {{"silence", {{"kill", 400}}}, {"timeout", 1500}});
  const auto* late = std::get_if<TimedOut>(&outcome.what);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->failure.timeout, "attempt");
}

TEST_F(Silence, AChangedFileInTheWorkspaceIsASignOfLife) {
  const auto file = project() / "sub" / "file";
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
  EXPECT_TRUE(newest_change(project(), 1h));
  for (const auto& old : fs::recursive_directory_iterator(project())) {
    fs::last_write_time(old, fs::file_time_type::clock::now() - 2h);
  }
  EXPECT_FALSE(newest_change(project(), 1h)) << "all of it is older than the silence";
  fs::last_write_time(file, fs::file_time_type::clock::now() - 10min);
  const auto ago = newest_change(project(), 1h);
  ASSERT_TRUE(ago);
  EXPECT_GE(*ago, 10min);
  EXPECT_LT(*ago, 1h);
}

TEST_F(Silence, OurOwnFilesSayNothingAboutTheStep) {
  const auto logs = project() / ".agent/workflows/executions/r1/logs";
  fs::create_directories(logs);
  for (const auto& old : fs::recursive_directory_iterator(project())) {
    fs::last_write_time(old, fs::file_time_type::clock::now() - 2h);
  }
  std::ofstream(logs / "stdout") << "of another step";
  EXPECT_FALSE(newest_change(project(), 1h));
}

TEST_F(Silence, AgentsAreWatchedByDefaultAndCommandsAreNot) {
  EXPECT_FALSE(silence_of(make_step("cli", {})).any());
  EXPECT_TRUE(silence_of(make_step("agent", {})).kill);
  EXPECT_FALSE(silence_of(make_step("agent", {}, {{"silence", Json::object()}})).any());
}

}  // namespace
}  // namespace agentcmd::steps
