#include "process/supervised_process.h"

#include "async/deadline.h"
#include "base/fault.h"
#include "base/text.h"
#include "process/command.h"
#include "process/supervised_test_support.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <set>

namespace agentcmd::process {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Supervised : public SupervisedTest {};

TEST_F(Supervised, ExitStatusAndBothStreamsAreKept) {
  const Exit exit = finish(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(exit.cause, ExitCause::exited);
  EXPECT_EQ(exit.code, 3);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_FALSE(exit.spool_failed);
  EXPECT_NE(exit.containment, Containment::automatic);
  EXPECT_GT(exit.max_rss_kib, 0);
  EXPECT_EQ(output(), "out\n");
  EXPECT_EQ(contents(attempt() / "stderr"), "err\n");
  EXPECT_TRUE(processes().empty());
}

// The supervisor wakes for the closed streams and, a moment later, for the death. Many times,
// because it is about that moment.
TEST_F(Supervised, AnEndRightBehindTheClosedStreamsIsNotMissed) {
  for (int i = 0; i < 100; ++i) {
    auto closing = shell("exec >&- 2>&-; exit 0");
    closing.dir = dir_ / fmt::format("attempt-{}", i);
    closing.timeout = 20s;
    ASSERT_LT(finish(std::move(closing)).duration, 20s) << "attempt " << i;
  }
}

TEST_F(Supervised, ASignalThatIsNotOursIsNamed) {
  const Exit exit = finish(shell("kill -SEGV $$"));
  EXPECT_EQ(exit.cause, ExitCause::signalled);
  EXPECT_EQ(exit.signal, SIGSEGV);
  EXPECT_EQ(exit.code, -1);
}

// The command may run by then; taken for one that never was started, it would be started again.
TEST_F(Supervised, ASupervisorThatIsKilledBeforeItCanSayThatTheCommandRunsIsALoss) {
  const fs::path libexec = dir_.path() / "libexec";
  fs::create_directories(libexec);
  const auto supervisor = libexec / "agentcmd-supervise";
  std::ofstream(supervisor) << R"(#!/bin/sh
while [ "$1" != --dir ]; do shift; done
cd "$2"
echo "supervisor $$ 1 boot" > claim
echo '{"pid":0,"start_time":1,"boot_id":"boot"}' > status.json
kill -9 $$
)";
  fs::permissions(supervisor, fs::perms::owner_all);
  auto process = run(io_, start_supervised(io_.get_executor(), libexec, shell("true")));
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_FALSE(wait_for(**process)) << "there is no exit of a command that nobody saw end";
}

TEST_F(Supervised, Status127IsAnExitAndAMissingProgramIsNot) {
  const Exit exit = finish(shell("exit 127"));
  EXPECT_EQ(exit.cause, ExitCause::exited);
  EXPECT_EQ(exit.code, 127);

  auto other = spec({"no-such-program-here"});
  other.dir = dir_ / "other";
  const Exit missing = finish(other);
  EXPECT_EQ(missing.cause, ExitCause::start_failed);
  EXPECT_EQ(missing.code, -1);
  EXPECT_EQ(missing.message, "there is no program 'no-such-program-here' in the PATH");
}

TEST_F(Supervised, AFileThatIsNotExecutableIsNotStarted) {
  write_file(dir_ / "script", "#!/bin/sh\n");
  const Exit exit = finish(spec({(dir_ / "script").string()}));
  EXPECT_EQ(exit.cause, ExitCause::start_failed);
  EXPECT_NE(exit.message.find("may not be executed"), std::string::npos) << exit.message;
}

TEST_F(Supervised, AMissingWorkingDirectoryIsToldFromAMissingProgram) {
  auto wrong = shell("true");
  wrong.cwd = dir_ / "gone";
  const Exit exit = finish(wrong);
  EXPECT_EQ(exit.cause, ExitCause::start_failed);
  EXPECT_EQ(exit.message, "there is no working directory " + (dir_ / "gone").string());
}

TEST_F(Supervised, TheEnvironmentIsTheOneGivenAndTheRunsMark) {
  auto given = shell("env");
  given.env["ONLY"] = "this";
  given.run = "r123";
  finish(given);
  std::istringstream lines(output());
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) names.insert(line.substr(0, line.find('=')));
  names.erase("_");
  names.erase("PWD");
  names.erase("OLDPWD");
  names.erase("SHLVL");
  EXPECT_EQ(names, (std::set<std::string>{"AGENTCMD_ATTEMPT", "AGENTCMD_RUN", "ONLY", "PATH"}));
  EXPECT_NE(output().find("AGENTCMD_RUN=r123\n"), std::string::npos);
}

TEST_F(Supervised, InputOfTwoMegabytesArrivesWhole) {
  auto reader = shell("cat");
  reader.input = std::string(2 * limits::mib, 'x') + "end";
  finish(reader);
  EXPECT_TRUE(output() == *reader.input);
}

TEST_F(Supervised, WithoutInputStdinIsEmpty) {
  EXPECT_EQ(finish(shell("cat; echo done")).code, 0);
  EXPECT_EQ(output(), "done\n");
}

TEST_F(Supervised, TimeoutKillsWhoIgnoresTheTerm) {
  auto stubborn = shell("trap '' TERM; while :; do sleep 1000; done");
  stubborn.timeout = 100ms;
  const Exit exit = finish(stubborn);
  EXPECT_EQ(exit.cause, ExitCause::timed_out);
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_GE(exit.duration, 300ms);  // with the grace
  EXPECT_TRUE(processes().empty());
}

TEST_F(Supervised, TimeoutLetsTheCommandCleanUpWithinTheGrace) {
  auto polite = shell("trap 'echo cleaned; exit 5' TERM; while :; do sleep 0.01; done");
  polite.timeout = 100ms;
  polite.grace = 10s;
  const Exit exit = finish(polite);
  EXPECT_EQ(exit.cause, ExitCause::timed_out);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(output(), "cleaned\n");
  EXPECT_LT(exit.duration, 5s);
}

TEST_F(Supervised, OutputBeyondTheLimitKillsTheWriter) {
  auto writer = shell("yes");
  writer.output_bytes_max = limits::mib;
  const Exit exit = finish(writer);
  EXPECT_EQ(exit.cause, ExitCause::output_limit);
  EXPECT_EQ(fs::file_size(attempt() / "stdout"), limits::mib);
}

TEST_F(Supervised, OutputOfExactlyTheLimitIsNoOffence) {
  auto writer = shell("printf 12345");
  writer.output_bytes_max = 5;
  EXPECT_EQ(finish(writer).cause, ExitCause::exited);
}

TEST_F(Supervised, AStopRequestIsACancel) {
  auto process = start(shell("sleep 1000"));
  ASSERT_TRUE(process) << process.error().message;
  stop_.request();
  const auto exit = wait_for(**process);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::cancelled);
  EXPECT_EQ(exit->signal, SIGTERM);
}

TEST_F(Supervised, KillNowDoesNotWaitForTheGrace) {
  auto patient = shell("trap '' TERM; touch ready; while :; do sleep 1000; done");
  patient.grace = 1h;
  auto process = start(patient);
  ASSERT_TRUE(process);
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  stop_.request();
  (*process)->kill_now();
  EXPECT_EQ(wait_for(**process)->signal, SIGKILL);
}

Task<> collect(SupervisedProcess& process, std::uint64_t from, std::string& bytes) {
  co_await process.follow("stdout", from, [&bytes](std::string_view more) { bytes.append(more); });
}

TEST_F(Supervised, FollowDeliversEverythingFromTheGivenByteAndEndsWithTheProcess) {
  auto process = start(shell("printf 0123; sleep 0.05; printf '45\\377\\n'"));
  ASSERT_TRUE(process);
  std::string bytes;
  run(io_, collect(**process, 2, bytes));
  EXPECT_EQ(bytes, "2345\377\n");
}

Task<> release_when_seen(SupervisedProcess& process, fs::path gate) {
  co_await process.follow("stdout", 0, [gate](std::string_view) { write_file(gate, "open"); });
}

TEST_F(Supervised, FollowDeliversWhileTheProcessRuns) {
  auto waiting = shell("echo first; while [ ! -e gate ]; do sleep 0.01; done");
  waiting.timeout = 20s;
  auto process = start(waiting);
  ASSERT_TRUE(process);
  run(io_, release_when_seen(**process, dir_ / "gate"));
  EXPECT_EQ(wait_for(**process)->cause, ExitCause::exited);
}

Task<std::uint64_t> count_bytes(SupervisedProcess& process) {
  std::uint64_t total = 0;
  co_await process.follow("stdout", 0, [&total](std::string_view more) { total += more.size(); });
  co_return total;
}

TEST_F(Supervised, TwoHundredMegabytesAreSpooledAndFollowed) {
  auto process = start(shell("head -c 200000000 /dev/zero"));
  ASSERT_TRUE(process);
  EXPECT_EQ(run(io_, count_bytes(**process)), 200'000'000U);
  EXPECT_EQ(wait_for(**process)->code, 0);
  EXPECT_EQ(fs::file_size(attempt() / "stdout"), 200'000'000U);
}

Task<> listen(SupervisedProcess& process, Listener listener) {
  co_await process.listen("stdout", std::move(listener));
}

TEST_F(Supervised, AListenerThatIsFarBehindGoesOnNearTheEnd) {
  auto process = start(shell("printf 0123456789; exec head -c 30000000 /dev/zero"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for(**process)->code, 0);
  std::uint64_t told = 0;
  std::uint64_t skipped = 0;
  const Listener listener{.on_bytes = [&](std::string_view bytes) { told += bytes.size(); },
                          .behind_max = 20'000'000,
                          .on_skipped = [&](std::uint64_t bytes) { skipped += bytes; }};
  run(io_, listen(**process, listener));
  EXPECT_EQ(told, limits::shown_tail_bytes);
  EXPECT_EQ(told + skipped, 30'000'010U);
  told = skipped = 0;
  tell_file(attempt() / "stdout", listener);
  EXPECT_EQ(told, limits::shown_tail_bytes);
  EXPECT_EQ(told + skipped, 30'000'010U);
}

TEST_F(Supervised, AListenerThatIsNotFarBehindHearsEverything) {
  auto process = start(shell("head -c 30000000 /dev/zero"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for(**process)->code, 0);
  std::uint64_t told = 0;
  run(io_, listen(**process, {.on_bytes = [&](std::string_view bytes) { told += bytes.size(); },
                              .behind_max = 30'000'000,
                              .on_skipped = [](std::uint64_t) { FAIL(); }}));
  EXPECT_EQ(told, 30'000'000U);
}

Task<Result<Exit>> wait_and_follow_both(SupervisedProcess& process, StopSource& stop,
                                        std::string& out, std::string& err) {
  using namespace asio::experimental::awaitable_operators;
  co_return co_await (
      process.wait(stop) &&
      process.follow("stdout", 0, [&out](std::string_view more) { out.append(more); }) &&
      process.follow("stderr", 0, [&err](std::string_view more) { err.append(more); }));
}

TEST_F(Supervised, ManyRunAtOnceEachFollowedAndWaitedFor) {
  using namespace asio::experimental::awaitable_operators;
  constexpr int many = 12;
  std::vector<std::unique_ptr<SupervisedProcess>> processes;
  for (int i = 0; i < many; ++i) {
    auto one =
        shell(fmt::format("while [ ! -e gate ]; do sleep 0.01; done; echo out {0}; "
                          "echo err {0} >&2; exit {0}",
                          i));
    one.dir = dir_ / fmt::format("attempt-{}", i);
    auto process = start(one);
    ASSERT_TRUE(process) << process.error().message;
    processes.push_back(std::move(*process));
  }
  write_file(dir_ / "gate", "");
  for (int i = 0; i < many; ++i) {
    std::string out;
    std::string err;
    const auto exit =
        run(io_, wait_and_follow_both(*processes[static_cast<std::size_t>(i)], stop_, out, err));
    ASSERT_TRUE(exit) << exit.error().message;
    EXPECT_EQ(exit->code, i);
    EXPECT_EQ(out, fmt::format("out {}\n", i));
    EXPECT_EQ(err, fmt::format("err {}\n", i));
  }
}

Task<bool> wait_a_moment(SupervisedProcess& process, StopSource& stop) {
  const auto exit = co_await before(deadline_in(20ms), process.wait(stop));
  co_return exit.has_value();
}

TEST_F(Supervised, CancellingTheWaitLeavesTheProcessRunning) {
  auto process = start(shell("while [ ! -e gate ]; do sleep 0.01; done; exit 9"));
  ASSERT_TRUE(process);
  EXPECT_FALSE(run(io_, wait_a_moment(**process, stop_)));
  write_file(dir_ / "gate", "");
  EXPECT_EQ(wait_for(**process)->code, 9);
}

TEST_F(Supervised, AMissingSupervisorIsSaidWithTheWayOut) {
  const auto process =
      run(io_, start_supervised(io_.get_executor(), dir_ / "nowhere", shell("true")));
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, ErrorCode::not_found);
}

TEST_F(Supervised, ArgumentsThatTheSystemDoesNotTakeAreRefused) {
  const auto process = start(spec({"echo", std::string(limits::mib, 'x')}));
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, ErrorCode::invalid_argument);
}

TEST_F(Supervised, AFullDiskLosesOutputButNotTheResult) {
  const fs::path disk = dir_ / "disk";
  fs::create_directory(disk);
  const auto mounted = run(
      io_, run_command(io_.get_executor(),
                       {.argv = {"mount", "-t", "tmpfs", "-o", "size=1m", "none", disk.string()}}));
  if (!mounted || mounted->code != 0) GTEST_SKIP() << "a tmpfs can be mounted by root only";
  auto writer = shell("head -c 3000000 /dev/zero; echo went on >&2; exit 4");
  writer.dir = disk / "attempt";
  const Exit exit = finish(writer);
  EXPECT_EQ(exit.cause, ExitCause::exited);
  EXPECT_EQ(exit.code, 4);
  EXPECT_TRUE(exit.spool_failed);

  // Nothing can be started on it, and that is a fault of the world.
  auto next = shell("true");
  next.dir = disk / "next";
  EXPECT_THROW(start(next), Fault);
  run(io_, run_command(io_.get_executor(), {.argv = {"umount", disk.string()}}));
}

// The supervisor stays out of the group that has the limit's consequences to bear: its command goes
// into a group of its own below.
TEST_F(Supervised, TheKernelsKillForMemoryIsToldFromOthers) {
  const std::string script = R"(
set -e
for parent in /sys/fs/cgroup/memory /sys/fs/cgroup; do
  group=$parent/agentcmd-test-$$
  if [ -e $parent/memory.limit_in_bytes ]; then limit=memory.limit_in_bytes
  elif grep -qw memory $parent/cgroup.subtree_control 2>/dev/null; then limit=memory.max
  else continue; fi
  mkdir $group
  echo 64M > $group/$limit
  [ $limit = memory.limit_in_bytes ] || { mkdir $group/own; echo +memory > $group/cgroup.subtree_control; }
  echo $$ > $group/own/cgroup.procs 2>/dev/null || echo $$ > $group/cgroup.procs
  echo $group > group
  exec "$@"
done
exit 77
)";
  fs::create_directory(attempt());
  const auto result = run(
      io_, run_command(
               io_.get_executor(),
               {.argv = {"sh", "-c", script, "sh", (libexec() / "agentcmd-supervise"), "--dir",
                         attempt(), "--", "sh", "-c", "head -c 200000000 /dev/zero | tail; exit 3"},
                .cwd = dir_.path()}));
  ASSERT_TRUE(result);
  if (result->code != 0) GTEST_SKIP() << "no memory cgroup can be made here: " << result->err;
  const auto exit = recover();
  ASSERT_TRUE(std::holds_alternative<Exit>(exit));
  EXPECT_EQ(std::get<Exit>(exit).cause, ExitCause::out_of_memory);
  const std::string group(trim(contents(dir_ / "group")));
  ::rmdir((group + "/own").c_str());
  EXPECT_TRUE(eventually([&] { return ::rmdir(group.c_str()) == 0; }));
}

TEST(ReadStream, BytesThatAreNotUtf8AreReplaced) {
  const TempDir dir;
  write_file(dir / "out", "ok \377\376 é\n");
  EXPECT_EQ(read_stream(dir / "out", 1000), "ok \uFFFD\uFFFD é\n");
  EXPECT_EQ(read_stream(dir / "none", 1000), "");
}

TEST(ReadStream, AHeadAndATailAreKeptOfWhatIsTooLong) {
  const TempDir dir;
  std::string text = "begin";
  for (int i = 0; i < 10'000; ++i) text += "ü";
  text += "end";
  write_file(dir / "out", text);
  const std::string shown = read_stream(dir / "out", 500);
  EXPECT_LE(shown.size(), 500U);
  EXPECT_GT(shown.size(), 450U);
  EXPECT_TRUE(shown.starts_with("beginü"));
  EXPECT_TRUE(shown.ends_with("üend"));
  EXPECT_NE(shown.find("bytes left out"), std::string::npos);
  EXPECT_NE(shown.find((dir / "out").string()), std::string::npos);
  EXPECT_EQ(shown.find("\uFFFD"), std::string::npos);
  EXPECT_LE(read_stream(dir / "out", 10).size(), 10U);
}

TEST(ReadStream, TheLimitHoldsForBytesThatGrowWhenReplaced) {
  const TempDir dir;
  write_file(dir / "out", std::string(2000, '\200'));
  EXPECT_LE(read_stream(dir / "out", 2000).size(), 2000U);
  EXPECT_LE(read_stream(dir / "out", 500).size(), 500U);
  EXPECT_NE(read_stream(dir / "out", 500).find("\uFFFD"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd::process
