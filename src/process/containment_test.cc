// The same promises with each means of containment: nobody survives.

#include "base/json.h"
#include "base/text.h"
#include "process/command.h"
#include "process/signs_of_life.h"
#include "process/supervised_test_support.h"

#include <csignal>

namespace agentcmd::process {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Contained : public SupervisedTest, public testing::WithParamInterface<Containment> {
 protected:
  // Null, and the test is to be skipped, where the machine does not allow the means.
  std::unique_ptr<SupervisedProcess> start_contained(std::string script) {
    auto wanted = shell(std::move(script));
    wanted.containment = GetParam();
    auto process = start(wanted);
    if (process) return std::move(*process);
    EXPECT_EQ(process.error().code, ErrorCode::failed_precondition) << process.error().message;
    reason_ = process.error().message;
    return nullptr;
  }
  std::unique_ptr<SupervisedProcess> start_hostile_tree(const std::string& then) {
    auto process = start_contained(hostile_tree + then);
    if (process) EXPECT_TRUE(eventually([&] { return exists("ready"); }));
    return process;
  }
  std::string reason_;
};

#define SKIP_UNLESS(process) \
  if (!(process)) GTEST_SKIP() << to_string(GetParam()) << ": " << reason_

TEST_P(Contained, AHostileTreeIsGoneAfterAStop) {
  auto process = start_hostile_tree("while :; do sleep 1000; done");
  SKIP_UNLESS(process);
  EXPECT_GE(processes().size(), 8U);
  stop_.request();
  const auto exit = wait_for(*process);
  EXPECT_TRUE(processes().empty());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::cancelled);
  EXPECT_EQ(exit->containment, GetParam());
}

TEST_P(Contained, WhatTheCommandLeavesBehindIsGoneWhenItEnds) {
  auto process = start_hostile_tree("exit 6");
  SKIP_UNLESS(process);
  const auto exit = wait_for(*process);
  EXPECT_TRUE(processes().empty());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::exited);
  EXPECT_EQ(exit->code, 6);
}

TEST_P(Contained, TermReachesTheWholeTreeAndEverybodyMayUseTheGrace) {
  auto slow = shell(R"(
setsid sh -c 'trap "sleep 0.1; touch saved; exit" TERM; touch ready; while :; do sleep 0.01; done' &
while :; do sleep 0.01; done)");
  slow.containment = GetParam();
  slow.grace = 20s;
  auto process = start(slow);
  if (!process) GTEST_SKIP() << process.error().message;
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  stop_.request();
  const auto exit = wait_for(**process);
  ASSERT_TRUE(exit);
  EXPECT_TRUE(exists("saved"));
  EXPECT_LT(exit->duration, 15s);
}

TEST_P(Contained, AnInterruptReachesTheWholeTreeAndNothingFollows) {
  auto process = start_contained(R"(
setsid -f sh -c 'trap "touch saved; exit" INT; touch ready; while :; do sleep 0.01; done'
trap 'while [ ! -e saved ]; do sleep 0.01; done; exit 9' INT
while :; do sleep 0.01; done)");
  SKIP_UNLESS(process);
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  process->interrupt();
  const auto exit = wait_for(*process);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::exited);
  EXPECT_EQ(exit->code, 9);
}

TEST_P(Contained, TheCpuTimeOfTheWholeTreeIsSeen) {
  auto process = start_contained("setsid sh -c 'while :; do :; done' & touch ready; wait");
  SKIP_UNLESS(process);
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  EXPECT_TRUE(eventually([&] { return signs_of_life(attempt()).cpu > 100ms; }));
  process->kill_now();
  EXPECT_TRUE(wait_for(*process));
}

TEST_P(Contained, ASupervisorThatIsStoppedObeysAStop) {
  auto process = start_contained("touch ready; sleep 1000");
  SKIP_UNLESS(process);
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  ::kill(supervisor(), SIGSTOP);
  EXPECT_TRUE(eventually([&] { return signs_of_life(attempt()).supervisor_stopped; }));
  stop_.request();
  const auto exit = wait_for(*process);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->cause, ExitCause::cancelled);
  EXPECT_TRUE(processes().empty());
}

TEST_P(Contained, ASupervisorKilledLeavesNoSurvivors) {
  auto process = start_hostile_tree("while :; do sleep 1000; done");
  SKIP_UNLESS(process);
  ::kill(supervisor(), SIGKILL);
  const auto exit = wait_for(*process);
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(processes().empty());
  EXPECT_TRUE(std::holds_alternative<Lost>(recover()));
}

TEST_P(Contained, RecoveryOfALostAttemptKillsFirst) {
  auto process = start_hostile_tree("while :; do sleep 1000; done");
  SKIP_UNLESS(process);
  process.reset();
  ::kill(supervisor(), SIGKILL);
  ASSERT_TRUE(eventually([&] { return !is_alive(std::to_string(supervisor())); }));
  EXPECT_TRUE(std::holds_alternative<Lost>(recover()));
  EXPECT_TRUE(processes().empty());
}

// The namespace's init is ours: how the command would have ended nobody knows.
TEST_F(SupervisedTest, AnInitKilledIsALossAndNotTheEndOfTheCommand) {
  auto wanted = shell("touch ready; sleep 1000");
  wanted.containment = Containment::pid_namespace;
  auto process = start(wanted);
  if (!process) GTEST_SKIP() << process.error().message;
  ASSERT_TRUE(eventually([&] { return exists("ready"); }));
  const auto status = Json::parse(contents(attempt() / "status.json"));
  ::kill(status["pid"].get<pid_t>(), SIGKILL);
  const auto exit = wait_for(**process);
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(std::holds_alternative<Lost>(recover()));
  EXPECT_TRUE(processes().empty());
}

std::string means_name(const testing::TestParamInfo<Containment>& info) {
  return std::string(to_string(info.param));
}

INSTANTIATE_TEST_SUITE_P(Means, Contained,
                         testing::Values(Containment::pid_namespace, Containment::cgroup_v2,
                                         Containment::cgroup_v1, Containment::subreaper),
                         means_name);

// The supervisor alone, as an ordinary user.
class Unprivileged : public SupervisedTest, public testing::WithParamInterface<Containment> {};

TEST_P(Unprivileged, AnOrdinaryUserIsContainedToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  fs::create_directory(attempt());
  for (const fs::path& open : {dir_.path(), attempt()}) {
    fs::permissions(open, fs::perms::all);
  }
  fs::copy_file(libexec() / "agentcmd-supervise", dir_ / "supervise");
  const CommandSpec as_nobody{
      .argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
               (dir_ / "supervise").string(), "--dir", attempt().string(), "--cwd",
               dir_.path().string(), "--containment", std::string(to_string(GetParam())), "--",
               "sh", "-c", std::string(hostile_tree) + "id -u; exit 6"},
      .env = {{std::string(attempt_variable), attempt_path(attempt()).string()}}};
  const auto result = run(io_, run_command(io_.get_executor(), as_nobody));
  ASSERT_TRUE(result) << result.error().message;
  if (result->err.starts_with("error 38 ")) GTEST_SKIP() << result->err;
  EXPECT_TRUE(processes().empty());
  const auto recovered = recover();
  ASSERT_TRUE(std::holds_alternative<Exit>(recovered)) << result->err;
  EXPECT_EQ(std::get<Exit>(recovered).code, 6);
  EXPECT_EQ(output(), "65534\n");
}

// A user's own group may not be written to, but systemd gives out scopes. Played by a script in the
// place of systemd-run, in a mount namespace of its own.
class Scope : public SupervisedTest {
 protected:
  static constexpr const char* machine = R"(
set -e
outer=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)/agentcmd-test-$$
mkdir $outer; mkdir $outer/session; chown 65534 $outer $outer/cgroup.procs
echo $outer > outer
mount -t tmpfs none /run; mkdir -p /run/systemd/system
printf '#!/bin/sh\n%s' "$FAKE" > /run/fake; chmod 755 /run/fake
touch /usr/bin/systemd-run; mount --bind /run/fake /usr/bin/systemd-run
echo $$ > $outer/session/cgroup.procs
export OUTER=$outer XDG_RUNTIME_DIR=/run
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
)";

  ~Scope() override {
    const fs::path outer = trim(contents(dir_ / "outer"));
    for (const char* group : {"scope", "session", ""}) {
      const auto path = outer / group;
      if (!outer.empty()) eventually([&] { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; });
    }
  }

  // Supervises `command` as an ordinary user for whom systemd-run does what `fake` says.
  Result<CommandResult> supervise(const std::string& fake, const std::string& command) {
    fs::create_directory(attempt());
    for (const fs::path& open : {dir_.path(), attempt()}) fs::permissions(open, fs::perms::all);
    fs::copy_file(libexec() / "agentcmd-supervise", dir_ / "supervise");
    CommandSpec spec{
        .argv = {"unshare", "-m", "sh", "-c", machine, "sh", (dir_ / "supervise").string(), "--dir",
                 attempt().string(), "--", "sh", "-c", command},
        .cwd = dir_.path(),
        .env = {{"FAKE", fake}, {std::string(attempt_variable), attempt_path(attempt()).string()}}};
    return run(io_, run_command(io_.get_executor(), std::move(spec)));
  }
  std::optional<Exit> end_of_attempt() {
    if (!eventually([&] { return fs::exists(attempt() / "exit.json"); })) return std::nullopt;
    auto recovered = recover();
    auto* exit = std::get_if<Exit>(&recovered);
    return exit != nullptr ? std::optional(*exit) : std::nullopt;
  }
};

TEST_F(Scope, AUserGetsACgroupFromSystemd) {
  const auto result = supervise(R"(
while [ "$1" != "--" ]; do shift; done; shift
mkdir $OUTER/scope && echo $$ > $OUTER/scope/cgroup.procs && exec "$@"
)",
                                "exit 6");
  ASSERT_TRUE(result);
  if (result->code != 0) GTEST_SKIP() << "needs root and a writable cgroup2: " << result->err;
  const auto exit = end_of_attempt();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->containment, Containment::cgroup_v2);
  EXPECT_EQ(exit->code, 6);
}

TEST_F(Scope, WhereSystemdRefusesTheNextMeansIsTaken) {
  const auto result = supervise("exit 1", "exit 6");
  ASSERT_TRUE(result);
  if (result->code != 0) GTEST_SKIP() << "needs root and a writable cgroup2: " << result->err;
  const auto exit = end_of_attempt();
  ASSERT_TRUE(exit);
  EXPECT_NE(exit->containment, Containment::cgroup_v2);
  EXPECT_EQ(exit->code, 6);
}

INSTANTIATE_TEST_SUITE_P(Means, Unprivileged,
                         testing::Values(Containment::automatic, Containment::pid_namespace,
                                         Containment::cgroup_v2, Containment::subreaper),
                         means_name);

}  // namespace
}  // namespace agentcmd::process
