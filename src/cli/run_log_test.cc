#include "cli/run_log.h"

#include "base/id.h"

#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

class RunLogTest : public testing::Test {
 protected:
  RunLogTest() {
    SystemRandom random;
    root_ = fs::temp_directory_path() / make_id('t', random);
    fs::create_directories(root_);
  }
  ~RunLogTest() override { fs::remove_all(root_); }

  void print(const std::string& key, int attempt, const std::string& stream,
             const std::string& text) {
    const auto folder = root_ / key / std::to_string(attempt);
    fs::create_directories(folder);
    std::ofstream(folder / stream, std::ios::app | std::ios::binary) << text;
  }

  RunLog log(const std::string& step = "") {
    return {root_, step, [this](LogLine line) {
              lines_.push_back(line.step + "|" + line.stream + "|" + line.text);
            }};
  }

  void add(RunLog& log, history::Detail detail) {
    log.add(std::vector{history::Event{log.last_seq() + 1, {}, std::move(detail)}});
  }

  std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  fs::path root_;
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

TEST_F(RunLogTest, OutputStandsWhereItsStepEnded) {
  print("a__one", 1, "stdout", "1\n2");
  print("a__one", 1, "stderr", "bad\n");
  auto all = log();
  add(all, history::StepStarted{{"a/one"}, 1});
  add(all, history::Logged{"info", "a", "note"});
  add(all, history::StepCompleted{{"a/one"}, 1, true, {"{}"}});
  EXPECT_EQ(take(), (Lines{"|info|note", "a/one|stdout|1", "a/one|stdout|2", "a/one|stderr|bad"}));
}

TEST_F(RunLogTest, ARunningStepIsReadAsItPrints) {
  auto all = log();
  add(all, history::StepStarted{{"one"}, 1});
  all.read_running();
  EXPECT_EQ(take(), Lines{});
  print("one", 1, "stdout", "a\nb");
  all.read_running();
  EXPECT_EQ(take(), Lines{"one|stdout|a"});
  print("one", 1, "stdout", "c\n");
  all.read_running();
  EXPECT_EQ(take(), Lines{"one|stdout|bc"});
  all.finish();
  EXPECT_EQ(take(), Lines{});
}

TEST_F(RunLogTest, EveryAttemptIsShown) {
  print("one", 1, "stdout", "first\n");
  print("one", 2, "stdout", "second\n");
  auto all = log();
  add(all, history::StepStarted{{"one"}, 1});
  add(all, history::StepFailed{{"one"}, 1, {}, true, {}});
  add(all, history::StepStarted{{"one"}, 2});
  all.finish();
  EXPECT_EQ(take(), (Lines{"one|stdout|first", "one|stdout|second"}));
}

TEST_F(RunLogTest, OneStepCanBeAskedFor) {
  print("a__one", 1, "stdout", "1\n");
  print("a__two", 1, "stdout", "2\n");
  auto only = log("two");
  add(only, history::StepStarted{{"a/one"}, 1});
  add(only, history::StepStarted{{"a/two"}, 1});
  add(only, history::Logged{"info", "a", "note"});
  only.finish();
  EXPECT_EQ(take(), Lines{"a/two|stdout|2"});
}

TEST_F(RunLogTest, WhatAnAgentPrintsIsRendered) {
  print("ask", 1, "stdout",
        R"({"type":"assistant","message":{"content":[{"type":"text","text":"Hello\nthere"}]}})"
        "\n");
  auto all = log();
  add(all, history::StepScheduled{{"ask"}, "agent", "ask", "", {R"({"config":{}})"}});
  add(all, history::StepStarted{{"ask"}, 1});
  all.read_running();
  EXPECT_EQ(take(), (Lines{"ask|agent|Hello", "ask|agent|there"}));
}

TEST_F(RunLogTest, ItIsOverAtTheEndAndNotInAPause) {
  auto all = log();
  EXPECT_FALSE(all.is_over());
  add(all, history::RunPaused{"lost", "", {"{}"}});
  EXPECT_FALSE(all.is_over());
  add(all, history::RunCompleted{{"null"}});
  EXPECT_TRUE(all.is_over());
}

}  // namespace
}  // namespace agentcmd::cli
