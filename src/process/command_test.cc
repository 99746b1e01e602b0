#include "process/command.h"

#include "async/deadline.h"
#include "async/task_group.h"
#include "process/spawn_plan.h"
#include "process/test_support.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace agentcmd::process {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

CommandSpec shell(std::string script) {
  CommandSpec spec;
  spec.argv = {"sh", "-c", std::move(script)};
  return spec;
}

Result<CommandResult> run_here(CommandSpec spec) {
  asio::io_context io;
  return run(io, run_command(io.get_executor(), std::move(spec)));
}

TEST(RunCommand, BothStreamsAndTheExitStatusAreReturned) {
  const auto result = run_here(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->code, 3);
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
}

TEST(RunCommand, ASignalIs128AndItsNumber) {
  const auto result = run_here(shell("kill -TERM $$"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, 128 + SIGTERM);
}

TEST(RunCommand, InputLargerThanAPipeArrivesWhole) {
  CommandSpec spec = shell("cat");
  spec.input.assign(2 * limits::mib, 'x');
  const auto result = run_here(spec);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, spec.input);
}

TEST(RunCommand, WithoutInputStdinIsEmpty) {
  const auto result = run_here(shell("cat; echo done"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, "done\n");
}

TEST(RunCommand, EnvironmentIsChangedAndTheRestInherited) {
  ::setenv("AGENTCMD_TEST_KEPT", "kept", 1);
  ::setenv("AGENTCMD_TEST_GONE", "gone", 1);
  CommandSpec spec = shell("echo \"$AGENTCMD_TEST_KEPT,$AGENTCMD_TEST_GONE,$AGENTCMD_TEST_NEW\"");
  spec.env = {{"AGENTCMD_TEST_GONE", std::nullopt}, {"AGENTCMD_TEST_NEW", "new"}};
  const auto result = run_here(spec);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, "kept,,new\n");
}

TEST(RunCommand, RunsInItsWorkingDirectory) {
  const TempDir dir;
  CommandSpec spec = shell("pwd");
  spec.cwd = dir.path();
  const auto result = run_here(spec);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, dir.path().string() + "\n");
}

TEST(RunCommand, AnUnknownProgramIsNotFoundAndTheMessageSaysWhatToDo) {
  CommandSpec spec;
  spec.argv = {"no-such-program-here"};
  const auto result = run_here(spec);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_NE(result.error().message.find("no-such-program-here"), std::string::npos);

  spec.argv = {"git", "status"};
  spec.env = {{"PATH", "/nowhere"}};
  const auto git = run_here(spec);
  ASSERT_FALSE(git);
  EXPECT_NE(git.error().message.find("apt-get install git"), std::string::npos);
}

TEST(RunCommand, AMissingWorkingDirectoryIsNamed) {
  CommandSpec spec = shell("true");
  spec.cwd = "/no/such/folder";
  const auto result = run_here(spec);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_NE(result.error().message.find("/no/such/folder"), std::string::npos);
}

TEST(RunCommand, TimeoutKillsTheWholeGroup) {
  const TempDir dir;
  CommandSpec spec = shell("trap '' TERM; sleep 1000 & echo $! > pid; wait");
  spec.cwd = dir.path();
  spec.timeout = 300ms;
  const auto result = run_here(spec);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::timed_out);
  EXPECT_TRUE(eventually([&] { return !is_alive(contents(dir / "pid")); }));
}

TEST(RunCommand, TooMuchOutputIsRefusedAndTheWriterKilled) {
  CommandSpec spec = shell("yes");
  spec.output_bytes_max = limits::mib;
  const auto result = run_here(spec);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::resource_exhausted);
}

TEST(RunCommand, DoesNotWaitForSomebodyWhoLeftTheGroupWithThePipe) {
  const auto result = run_here(shell("setsid sleep 5 & echo ready"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, "ready\n");
  EXPECT_EQ(result->code, 0);
}

Task<> run_and_ignore(asio::any_io_executor executor, CommandSpec spec) {
  co_await run_command(executor, std::move(spec));
}

Task<> cancel_once_there(TaskGroup& group, std::filesystem::path file) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (contents(file).empty()) {
    timer.expires_after(1ms);
    co_await timer.async_wait(use_task);
  }
  group.cancel();
  co_await group.join();
}

TEST(RunCommand, CancellingTheTaskKillsTheProcess) {
  const TempDir dir;
  asio::io_context io;
  TaskGroup group(io.get_executor());
  CommandSpec spec = shell("trap '' TERM; echo $$ > pid; while :; do sleep 1000; done");
  spec.cwd = dir.path();
  group.spawn("command", run_and_ignore(io.get_executor(), spec));
  run(io, cancel_once_there(group, dir / "pid"));
  EXPECT_TRUE(eventually([&] { return !is_alive(contents(dir / "pid")); }));
}

// Asio hands the readiness of a descriptor that was just closed to the next one that is opened.
Task<Result<CommandResult>> run_after_closing(asio::posix::stream_descriptor& ready,
                                              CommandSpec spec) {
  ready.close();
  co_return co_await run_command(co_await asio::this_coro::executor, std::move(spec));
}

TEST(RunCommand, IsNotTakenForEndedByTheReadinessOfWhatWasClosedBefore) {
  asio::io_context io;
  Pipe pipe = make_output_pipe();
  asio::posix::stream_descriptor ready(io, pipe.read_end.release());
  ASSERT_EQ(::write(pipe.write_end.get(), "x", 1), 1);
  const auto lasting = "n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); done; exit 7";
  const auto result = run(io, run_after_closing(ready, shell(lasting)));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, 7);
}

TEST(FindProgram, SearchesThePathInItsOrder) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "a/tool");  // a folder of that name is no program
  std::filesystem::create_directories(dir / "b");
  write_file(dir / "b/tool", "#!/bin/sh\n");
  const std::string path = (dir / "a").string() + ":" + (dir / "b").string();
  EXPECT_EQ(find_program("tool", path), std::nullopt);  // not executable yet
  std::filesystem::permissions(dir / "b/tool", std::filesystem::perms::owner_all);
  EXPECT_EQ(find_program("tool", path), dir / "b/tool");
  EXPECT_EQ(find_program((dir / "b/tool").string(), ""), dir / "b/tool");
  EXPECT_EQ(find_program("other", path), std::nullopt);
}

}  // namespace
}  // namespace agentcmd::process
