// Approvals, pauses and long waits of the real binary: answered here and from elsewhere, in time
// and too late.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <pwd.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view gated = R"(
export default defineWorkflow({ id: "gated" }, async ({ event, step }) => {
  await step.cli("before", { command: "touch before" });
  const { at, ...decision } = await step.approve("Ship it", {
    title: "Ship the release?", body: "All tests\nare green.",
    options: event.data.args.options, timeout: event.data.args.timeout });
  await step.cli("after", { command: "touch after" });
  return { decision, dated: at.length > 10 };
});
)";

std::string user() {
  return getpwuid(getuid())->pw_name;
}

class GatesTest : public testing::Test {
 protected:
  GatesTest() {
    sandbox.define("gated.ts", gated);
    sandbox.make_repository();
  }
  std::string only_run() { return sandbox.runs().at(0)["id"]; }
  // A run that is left waiting at its gate.
  std::string left_waiting(const std::string& args = "{}") {
    const auto finished = sandbox.agentcmd({"run", "gated", "--args", args});
    EXPECT_EQ(finished.code, 4) << finished.out << finished.err;
    return only_run();
  }
  int pending_requests() const {
    sqlite3* database = nullptr;
    sqlite3_stmt* select = nullptr;
    int count = -1;
    if (sqlite3_open_v2((sandbox.home / "database.db").c_str(), &database, SQLITE_OPEN_READONLY,
                        nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(database, "SELECT count(*) FROM requests WHERE done = 0", -1, &select,
                           nullptr) == SQLITE_OK &&
        sqlite3_step(select) == SQLITE_ROW) {
      count = sqlite3_column_int(select, 0);
    }
    sqlite3_finalize(select);
    sqlite3_close(database);
    return count;
  }
  Sandbox sandbox;
};

TEST_F(GatesTest, WithoutATerminalTheRunIsLeftWaitingWithTheCommandsThatAnswer) {
  const auto finished = sandbox.agentcmd({"run", "gated"});
  EXPECT_EQ(finished.code, 4) << finished.out << finished.err;
  const auto id = only_run();
  for (const auto& part : {std::string("Ship the release?"), std::string("are green."),
                           "agentcmd approve " + id + " ship-it",
                           "agentcmd deny " + id + " ship-it", "agentcmd runs resume " + id}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part << "\n" << finished.out;
  }
  const auto run = sandbox.run(id);
  EXPECT_EQ(run["status"], "waiting");
  EXPECT_EQ(run["interrupted"], false);
  ASSERT_EQ(run["waiting"].size(), 1U);
  EXPECT_EQ(run["waiting"][0]["kind"], "gate");
  EXPECT_EQ(run["waiting"][0]["title"], "Ship the release?");
  EXPECT_EQ(sandbox.runs().at(0)["waits_for"], "approval 'Ship it'");
  const auto listed = sandbox.agentcmd({"runs"});
  EXPECT_NE(listed.out.find("waiting"), std::string::npos);
  EXPECT_NE(listed.out.find("waits for approval 'Ship it'"), std::string::npos);
  EXPECT_EQ(listed.err.find("interrupted"), std::string::npos) << listed.err;
  const auto shown = sandbox.agentcmd({"runs", "show", id});
  EXPECT_NE(shown.out.find("agentcmd approve " + id), std::string::npos) << shown.out;
}

TEST_F(GatesTest, AnAnswerIsKeptUntilTheRunGoesOn) {
  const auto id = left_waiting(R"({"options":["staging","production"]})");
  const auto approved =
      sandbox.agentcmd({"approve", id, "--option", "production", "--reason", "at last", "--json"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_NE(approved.err.find("No process drives " + id), std::string::npos) << approved.err;
  EXPECT_NE(approved.err.find("agentcmd runs resume " + id), std::string::npos);
  EXPECT_EQ(Json::parse(approved.out)["option"], "production");
  EXPECT_FALSE(fs::exists(sandbox.project / "after"));
  const auto again = sandbox.agentcmd({"deny", id});
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("was answered by " + user()), std::string::npos) << again.err;

  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  const Json decision{
      {"approved", true}, {"option", "production"}, {"by", user()}, {"reason", "at last"}};
  EXPECT_EQ(result_of(finished)["result"], (Json{{"decision", decision}, {"dated", true}}));
  EXPECT_TRUE(fs::exists(sandbox.project / "after"));
}

TEST_F(GatesTest, AnAnswerThatNobodyHasTakenYetIsShownAndHowTheRunGoesOn) {
  const auto id = left_waiting();
  ASSERT_EQ(sandbox.agentcmd({"approve", id}).code, 0);
  const auto why = sandbox.agentcmd({"runs", "why", id});
  EXPECT_TRUE(why.out.contains("is answered already, by " + user())) << why.out;
  EXPECT_TRUE(why.out.contains("agentcmd runs resume " + id)) << why.out;
  EXPECT_FALSE(why.out.contains("agentcmd approve")) << why.out;
  const auto show = sandbox.agentcmd({"runs", "show", id});
  EXPECT_TRUE(show.out.contains("answered by " + user())) << show.out;
  EXPECT_FALSE(show.out.contains("agentcmd approve")) << show.out;
  EXPECT_EQ(sandbox.run(id)["waiting"][0]["answered_by"], user());
}

TEST_F(GatesTest, WhoFollowsTheLogsIsToldOfAPauseAndFollowsOnUntilTheEnd) {
  sandbox.define("held.ts", R"(
export default defineWorkflow({ id: "held" }, async ({ step }) => {
  await step.cli("hold", { command: "touch begun; until [ -e go ]; do sleep 0.02; done" });
  await step.cli("later", { command: "echo said later" });
});)");
  auto running = sandbox.start({"run", "held", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the step has begun");
  const auto id = only_run();
  ASSERT_EQ(sandbox.agentcmd({"runs", "pause", id}).code, 0);
  sandbox.write("go", "");
  ASSERT_EQ(running->wait().code, 5);
  auto logs = sandbox.start({"runs", "logs", id, "--follow", "--json"});
  wait_until([&] { return logs->errors().contains("is paused"); }, "the pause is said");
  ASSERT_EQ(sandbox.agentcmd({"runs", "resume", id}).code, 0);
  const auto followed = logs->wait();
  EXPECT_EQ(followed.code, 0) << followed.err;
  EXPECT_TRUE(followed.out.contains("said later")) << followed.out;
}

TEST_F(GatesTest, ADenialTakesNoOption) {
  const auto id = left_waiting();
  const auto refused = sandbox.agentcmd({"deny", id, "--option", "x"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("--reason")) << refused.err;
}

TEST_F(GatesTest, AnotherProcessAnswersARunThatWaits) {
  auto running = sandbox.start({"run", "gated", "--json", "--on-pause", "wait"});
  running->line_with("Waiting for approval");
  const auto id = only_run();
  const auto denied = sandbox.agentcmd({"deny", id, "ship-it", "--reason", "not on a Friday"});
  EXPECT_EQ(denied.code, 0) << denied.err;
  EXPECT_EQ(denied.out, "Denied 'ship-it' of " + id + "\n");
  EXPECT_EQ(denied.err, "");
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  const Json decision{{"approved", false}, {"by", user()}, {"reason", "not on a Friday"}};
  EXPECT_EQ(result_of(finished)["result"]["decision"], decision);
  const auto late = sandbox.agentcmd({"approve", id});
  EXPECT_EQ(late.code, 2);
  EXPECT_NE(late.err.find("has ended already"), std::string::npos) << late.err;
}

TEST_F(GatesTest, AGateThatNobodyAnswersInTimeIsNotApproved) {
  const auto finished = sandbox.agentcmd(
      {"run", "gated", "--args", R"({"timeout":"50ms"})", "--json", "--on-pause", "wait"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["decision"],
            (Json{{"approved", false}, {"by", "timeout"}, {"reason", "nobody decided in time"}}));
}

TEST_F(GatesTest, AnswersThatDoNotFitAreRefused) {
  const auto id = left_waiting(R"({"options":["staging","production"]})");
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused{
      {{"approve", id}, "choose one with --option: staging, production"},
      {{"approve", id, "--option", "moon"}, "has no option 'moon'"},
      {{"approve", id, "merge"}, "open are: ship-it"},
      {{"approve", "r_none"}, "no run 'r_none'"},
      {{"approve"}, "RUN is required"},
  };
  for (const auto& [words, message] : refused) {
    const auto finished = sandbox.agentcmd(words);
    EXPECT_EQ(finished.code, 2);
    EXPECT_NE(finished.err.find(message), std::string::npos) << finished.err;
  }
  EXPECT_EQ(sandbox.run(id)["status"], "waiting");
}

TEST_F(GatesTest, AnAnswerSurvivesTheDeathOfTheProcessThatShouldTakeIt) {
  auto running = sandbox.start({"run", "gated", "--json", "--on-pause", "wait"});
  running->line_with("Waiting for approval");
  const auto id = only_run();
  running->signal(SIGSTOP);
  auto approving = sandbox.start({"approve", id});
  wait_until([&] { return pending_requests() == 1; }, "the answer is on disk");
  running->signal(SIGKILL);
  running->wait();
  const auto approved = approving->wait();
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_NE(approved.err.find("No process drives " + id), std::string::npos) << approved.err;
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["decision"]["approved"], true);
}

// --- Pause.

constexpr std::string_view two_commands = R"(
export default defineWorkflow({ id: "two" }, async ({ step }) => {
  await step.cli("first", { command: "touch started; while [ ! -e go ]; do sleep 0.02; done" });
  await step.cli("second", { command: "touch second" });
  return "done";
});
)";

TEST_F(GatesTest, APauseLetsWhatRunsEndAndBeginsNothingMore) {
  sandbox.define("two.ts", two_commands);
  auto running = sandbox.start({"run", "two", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "the step runs");
  const auto id = only_run();
  const auto paused = sandbox.agentcmd({"runs", "pause", id});
  EXPECT_EQ(paused.code, 0) << paused.err;
  EXPECT_EQ(paused.out, id + " paused\n");
  sandbox.write("go", "");
  const auto left = running->wait();
  EXPECT_EQ(left.code, 5) << left.out << left.err;
  EXPECT_FALSE(fs::exists(sandbox.project / "second"));
  EXPECT_NE(std::string(sandbox.run(id)["reason"]).find("runs pause (" + user() + ")"),
            std::string::npos);
  EXPECT_EQ(sandbox.agentcmd({"runs", "pause", id}).out, id + " paused\n") << "it is already";
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
}

TEST_F(GatesTest, ARunThatWaitsInItsPauseIsResumedFromElsewhere) {
  sandbox.define("two.ts", two_commands);
  auto running = sandbox.start({"run", "two", "--json", "--on-pause", "wait"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "the step runs");
  const auto id = only_run();
  EXPECT_EQ(sandbox.agentcmd({"runs", "pause", id}).code, 0);
  sandbox.write("go", "");
  running->line_with("StepCompleted");
  const auto resumed = sandbox.agentcmd({"runs", "resume", id});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(resumed.out, id + " goes on in the process that drives it\n");
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_TRUE(fs::exists(sandbox.project / "second"));
}

// --- On a terminal.

class Terminal {
 public:
  Terminal(const Sandbox& sandbox, std::vector<std::string> words) {
    words.insert(words.begin(), AGENTCMD_TEST_BINARY);
    pid_ = forkpty(&fd_, nullptr, nullptr, nullptr);
    if (pid_ != 0) return;
    for (const auto& [name, value] : sandbox.env) setenv(name.c_str(), value.c_str(), 1);
    setenv("TERM", "xterm", 1);
    if (chdir(sandbox.project.c_str()) != 0) _exit(126);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~Terminal() {
    if (pid_ > 0 && !ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Reads on until what was shown since the last call contains `text`.
  void expect(std::string_view text) {
    while (shown_.find(text, from_) == std::string::npos) {
      if (!read_more()) {
        FAIL() << "'" << text << "' was never shown:\n" << shown_;
      }
    }
    from_ = shown_.find(text, from_) + text.size();
  }
  void type(std::string_view text) const {
    ASSERT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Reads the rest; the exit code.
  int wait() {
    while (read_more()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& shown() const { return shown_; }

 private:
  bool read_more() {
    std::array<char, 4096> piece{};
    const auto count = read(fd_, piece.data(), piece.size());
    if (count <= 0) return false;
    shown_.append(piece.data(), static_cast<std::size_t>(count));
    return true;
  }

  pid_t pid_ = -1;
  int fd_ = -1;
  bool ended_ = false;
  std::string shown_;
  std::size_t from_ = 0;
};

TEST_F(GatesTest, OnATerminalTheGateIsAskedInPlace) {
  Terminal terminal(sandbox, {"run", "gated", "--args", R"({"options":["staging","production"]})"});
  terminal.expect("Ship the release?");
  terminal.expect("2) production");
  terminal.expect("Approve?");
  terminal.type("maybe\n");
  terminal.expect("Approve?");
  terminal.type("2 it is time\n");
  EXPECT_EQ(terminal.wait(), 0) << terminal.shown();
  const auto run = sandbox.run(only_run());
  EXPECT_EQ(
      run["result"]["decision"],
      (Json{
          {"approved", true}, {"option", "production"}, {"by", user()}, {"reason", "it is time"}}));
}

TEST_F(GatesTest, WhatWasTypedBeforeTheQuestionIsNoAnswerToIt) {
  sandbox.define("hasty.ts", R"(
export default defineWorkflow({ id: "hasty" }, async ({ step }) => {
  await step.cli("slow", { command: "touch started; while [ ! -e go ]; do sleep 0.02; done" });
  return (await step.approve("go", { title: "Go?" })).approved;
});
)");
  Terminal terminal(sandbox, {"run", "hasty"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "the step runs");
  terminal.type("y\n");
  sandbox.write("go", "");
  terminal.expect("Approve?");
  terminal.type("n\n");
  EXPECT_EQ(terminal.wait(), 0) << terminal.shown();
  EXPECT_EQ(sandbox.run(only_run())["result"], false);
}

TEST_F(GatesTest, CtrlCTakesTheQuestionBackAndLeavesTheRunWaiting) {
  Terminal terminal(sandbox, {"run", "gated"});
  terminal.expect("Approve?");
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 4) << terminal.shown();
  const auto id = only_run();
  EXPECT_NE(terminal.shown().find("agentcmd approve " + id), std::string::npos);
  EXPECT_EQ(sandbox.run(id)["status"], "waiting");
  Terminal again(sandbox, {"runs", "resume", id});
  again.expect("Approve?");
  again.type("y\n");
  EXPECT_EQ(again.wait(), 0) << again.shown();
}

TEST_F(GatesTest, AQuestionGoesWhenTheGateIsAnsweredElsewhere) {
  Terminal terminal(sandbox, {"run", "gated"});
  terminal.expect("Approve?");
  EXPECT_EQ(sandbox.agentcmd({"approve", only_run()}).code, 0);
  terminal.expect("approved by " + user());
  EXPECT_EQ(terminal.wait(), 0) << terminal.shown();
}

// --- Progress and policies of closures, with the real binary.

TEST_F(GatesTest, TheNextAttemptOfAClosureKnowsHowFarTheOneBeforeCame) {
  sandbox.define("closure.ts", R"(
import { NonRetryableError, RetryAfterError } from "agentcmd-workflows";
export default defineWorkflow({ id: "closure", retries: { attempts: 4, initial: "1h" } }, async ({ step }) => {
  const far = await step.run("far", async ({ attempt, lastProgress, progress }) => {
    await progress({ done: (lastProgress?.done ?? 0) + 10 });
    if (attempt < 3) throw new RetryAfterError("busy", 1);
    return [attempt, lastProgress];
  });
  const gone = await step.run("gone", () => { throw new NonRetryableError("no such thing"); })
    .catch((error) => [error.name, error instanceof NonRetryableError]);
  return { far, gone };
});
)");
  const auto finished = sandbox.agentcmd({"run", "closure", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"],
            (Json{{"far", {3, {{"done", 20}}}}, {"gone", {"NonRetryableError", true}}}));
  const auto run = sandbox.run(only_run());
  for (const auto& step : run["steps"]) {
    if (step["key"] == "far") EXPECT_EQ(step["progress"], (Json{{"done", 30}}));
    if (step["key"] == "gone") EXPECT_EQ(step["attempts"], 1);
  }
}

TEST_F(GatesTest, AClosureThatIsLostIsToldWhatItHadSaidOfItsProgress) {
  sandbox.define("slow.ts", R"(
import { existsSync } from "node:fs";
export default defineWorkflow({ id: "slow" }, async ({ step }) => {
  const patched = [step.patched("counts")];
  const seen = await step.run("slow", async ({ attempt, lastProgress, progress }) => {
    await progress({ attempt });
    while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 20));
    return [attempt, lastProgress];
  });
  patched.push(step.patched("counts"));
  return { seen, patched };
});
)");
  auto running = sandbox.start({"run", "slow", "--json"});
  running->line_with("StepCheckpoint");
  const auto id = only_run();
  running->signal(SIGKILL);
  running->wait();
  sandbox.write("go", "");
  const auto finished = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"],
            (Json{{"seen", {2, {{"attempt", 1}}}}, {"patched", {true, true}}}));
}

}  // namespace
}  // namespace agentcmd::test
