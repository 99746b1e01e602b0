// What a later driver finds.

#include "process/command.h"
#include "process/supervised_test_support.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>

namespace agentcmd::process {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Recovery : public SupervisedTest {
 protected:
  // A driver that is killed at once after the start.
  void start_and_die(ProcessSpec given) {
    const pid_t driver = ::fork();
    if (driver == 0) {
      asio::io_context io;
      auto task = start_supervised(io.get_executor(), libexec(), std::move(given));
      const auto process = run(io, std::move(task));
      ::kill(::getpid(), process ? SIGKILL : SIGABRT);
    }
    int status = 0;
    ::waitpid(driver, &status, 0);
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
  }
  // `agentcmd-supervise` by itself, as if it were late.
  Result<CommandResult> supervise(std::vector<std::string> command) {
    CommandSpec late;
    late.argv = {(libexec() / "agentcmd-supervise").string(), "--dir", attempt().string(), "--"};
    late.argv.insert(late.argv.end(), command.begin(), command.end());
    return run(io_, run_command(io_.get_executor(), late));
  }
};

TEST_F(Recovery, AProcessOutlivesItsDriverAndIsWaitedForByTheNext) {
  start_and_die(shell("while [ ! -e gate ]; do sleep 0.01; done; echo done; exit 9"));
  auto recovered = recover();
  auto* process = std::get_if<std::unique_ptr<SupervisedProcess>>(&recovered);
  ASSERT_TRUE(process);
  write_file(dir_ / "gate", "");
  const auto exit = wait_for(**process);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::exited);
  EXPECT_EQ(exit->code, 9);
  EXPECT_EQ(output(), "done\n");
}

TEST_F(Recovery, WhatEndedMeanwhileIsHarvested) {
  start_and_die(shell("echo done; exit 9"));
  ASSERT_TRUE(eventually([&] { return fs::exists(attempt() / "exit.json"); }));
  const auto recovered = recover();
  ASSERT_TRUE(std::holds_alternative<Exit>(recovered));
  EXPECT_EQ(std::get<Exit>(recovered).code, 9);
}

TEST_F(Recovery, AStopAfterReattachmentIsACancel) {
  start_and_die(shell("trap '' TERM; touch ready; while :; do sleep 1000; done"));
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  auto recovered = recover();
  auto* process = std::get_if<std::unique_ptr<SupervisedProcess>>(&recovered);
  ASSERT_TRUE(process);
  stop_.request();
  const auto exit = wait_for(**process);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::cancelled);
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_TRUE(processes().empty());
}

TEST_F(Recovery, DroppingTheHandleLeavesTheProcessRunning) {
  auto process = start(shell("while [ ! -e gate ]; do sleep 0.01; done; exit 9"));
  ASSERT_TRUE(process);
  process->reset();
  auto recovered = recover();
  auto* again = std::get_if<std::unique_ptr<SupervisedProcess>>(&recovered);
  ASSERT_TRUE(again);
  write_file(dir_ / "gate", "");
  EXPECT_EQ(wait_for(**again)->code, 9);
}

TEST_F(Recovery, AnAttemptWithoutAClaimWasNeverStartedAndNeverWillBe) {
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(recover()));
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(recover()));

  const auto late = supervise({"touch", (dir_ / "started").string()});
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code, 3);
  const auto started = start(shell("touch started"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::conflict);
  EXPECT_FALSE(exists("started"));
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(recover()));
}

TEST_F(Recovery, AClaimThatWasNeverFinishedMeansNeverStarted) {
  fs::create_directory(attempt());
  write_file(attempt() / "claim", "supervisor 12");
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(recover()));
}

TEST_F(Recovery, OfSeveralWhoClaimOneWins) {
  using namespace asio::experimental::awaitable_operators;
  fs::create_directory(attempt());
  const auto both = run(io_, recover_supervised(io_.get_executor(), attempt()) &&
                                 recover_supervised(io_.get_executor(), attempt()));
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(std::get<0>(both)));
  EXPECT_TRUE(std::holds_alternative<NeverStarted>(std::get<1>(both)));
}

TEST_F(Recovery, TwoDriversWhoReattachSeeTheSameEnd) {
  start_and_die(shell("while [ ! -e gate ]; do sleep 0.01; done; exit 9"));
  auto first = recover();
  auto second = recover();
  auto* one = std::get_if<std::unique_ptr<SupervisedProcess>>(&first);
  auto* two = std::get_if<std::unique_ptr<SupervisedProcess>>(&second);
  ASSERT_TRUE(one && two);
  write_file(dir_ / "gate", "");
  EXPECT_EQ(wait_for(**one)->code, 9);
  EXPECT_EQ(wait_for(**two)->code, 9);
}

TEST_F(Recovery, ASecondStartOfTheSameAttemptIsRefused) {
  EXPECT_EQ(finish(shell("echo once")).code, 0);
  const auto again = start(shell("echo twice"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(output(), "once\n");
}

TEST_F(Recovery, ATermFromOutsideIsNotACancel) {
  auto process = start(shell("trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(process);
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  ::kill(supervisor(), SIGTERM);
  const auto exit = wait_for(**process);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->cause, ExitCause::signalled);
  EXPECT_EQ(exit->signal, SIGTERM);
}

TEST_F(Recovery, TheSupervisorRefusesWhatItDoesNotUnderstand) {
  CommandSpec wrong{.argv = {(libexec() / "agentcmd-supervise").string(), "--no-such", "1"}};
  const auto result = run(io_, run_command(io_.get_executor(), wrong));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, 2);
  EXPECT_NE(result->err.find("--no-such"), std::string::npos);
}

TEST_F(Recovery, AForeignDescriptorIsNotKeptOpen) {
  const UniqueFd leaked(::open(dir_.path().c_str(), O_RDONLY));  // not close-on-exec
  const int number = leaked.get();
  const auto shown = finish(shell(fmt::format("test ! -e /proc/self/fd/{}", number)));
  EXPECT_EQ(shown.code, 0);
}

}  // namespace
}  // namespace agentcmd::process
