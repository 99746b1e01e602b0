// Bad input gets a clear message with the way out and the right exit code; nothing is lost or left
// behind.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

class BadInputTest : public testing::Test {
 protected:
  void define(std::string_view body) {
    sandbox.define("one.ts", fmt::format("export default defineWorkflow({{ id: 'one' }}, async "
                                         "({{ event, step }}) => {{ {} }});",
                                         body));
  }
  static void expect_clear(const Finished& finished, int code, std::string_view part) {
    const auto all = finished.out + finished.err;
    EXPECT_EQ(finished.code, code) << all;
    EXPECT_TRUE(all.contains(part)) << "expected '" << part << "' in:\n" << all;
    for (const auto* noise : {"terminate called", "core dumped", "boost::", "std::", ".cc:"}) {
      EXPECT_FALSE(all.contains(noise)) << all;
    }
  }
  Sandbox sandbox;
};

TEST_F(BadInputTest, UnknownDefinitionSuggestsTheClosest) {
  define("return 1;");
  expect_clear(sandbox.agentcmd({"run", "ome"}), 2, "one");
}

TEST_F(BadInputTest, NoProjectHere) {
  expect_clear(sandbox.agentcmd({"run", "one"}), 2, ".agent");
}

TEST_F(BadInputTest, UnknownFlagAndUnknownCommand) {
  EXPECT_EQ(sandbox.agentcmd({"run", "--nope"}).code, 2);
  EXPECT_EQ(sandbox.agentcmd({"rum"}).code, 2);
}

TEST_F(BadInputTest, OutputThatDoesNotFitOnTheDiskIsSaid) {
  const auto binary = fs::read_symlink("/proc/self/exe").parent_path() / "agentcmd";
  const auto finished =
      sandbox.exec({"sh", "-c", "exec \"$0\" runs list --json > /dev/full", binary.string()});
  expect_clear(finished, 1, "No space left on device");
}

TEST_F(BadInputTest, ARunWhoseOutputCannotBeWrittenGoesOnAndSaysSo) {
  define("await step.cli('greet', { command: 'echo hello' });");
  const auto binary = fs::read_symlink("/proc/self/exe").parent_path() / "agentcmd";
  const auto finished =
      sandbox.exec({"sh", "-c", "exec \"$0\" run one --json > /dev/full", binary.string()});
  expect_clear(finished, 1, "No space left on device");
  EXPECT_EQ(sandbox.runs().at(0)["status"], "completed");
}

TEST_F(BadInputTest, ArgumentsThatAreNotJson) {
  define("return 1;");
  expect_clear(sandbox.agentcmd({"run", "one", "--args", "{a:1}"}), 2, "JSON");
  expect_clear(sandbox.agentcmd({"run", "one", "--args", "@missing.json"}), 2, "missing.json");
}

TEST_F(BadInputTest, WorktreeModeNeedsARepository) {
  define("return 1;");
  expect_clear(sandbox.agentcmd({"run", "one", "--mode", "worktree"}), 2, "git");
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(BadInputTest, WorktreeModeNeedsACommit) {
  define("return 1;");
  sandbox.exec({"git", "init", "-q", "."});
  expect_clear(sandbox.agentcmd({"run", "one", "--mode", "worktree"}), 2, "commit");
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(BadInputTest, ABaseThatThereIsNotStartsNothing) {
  define("return 1;");
  sandbox.make_repository();
  expect_clear(sandbox.agentcmd({"run", "one", "--mode", "branch", "--base", "nowhere"}), 2,
               "nowhere");
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(BadInputTest, AScriptOfAgentsThatCannotBePlayedStartsNothing) {
  define("return 1;");
  sandbox.write("broken.json", "[{");
  sandbox.write("wrong.json", R"([{"match": {"step": "x", "prompt": "("}, "do": []}])");
  for (const auto* name : {"broken.json", "wrong.json"}) {
    expect_clear(sandbox.agentcmd({"run", "one", "--agents", fmt::format("scripted:{}", name)}), 2,
                 name);
  }
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(BadInputTest, LogsOfAStepThatThereIsNotNameThoseThatThereAre) {
  define("await step.cli('greet', { command: 'echo hello' });");
  ASSERT_EQ(sandbox.agentcmd({"run", "one"}).code, 0);
  const std::string id = sandbox.runs().at(0)["id"];
  expect_clear(sandbox.agentcmd({"runs", "logs", id, "--step", "nope"}), 2, "greet");
  expect_clear(sandbox.agentcmd({"runs", "logs", id, "--step", "greet"}), 0, "hello");
}

TEST_F(BadInputTest, ALinkThatLeadsNowhereIsADefinitionThatCannotBeLoaded) {
  define("return 1;");
  fs::create_symlink("/nowhere/two.ts", sandbox.project / ".agent/workflows/definitions/two.ts");
  expect_clear(sandbox.agentcmd({"definitions", "check"}), 1, "/nowhere/two.ts");
  expect_clear(sandbox.agentcmd({"definitions", "list"}), 0, "/nowhere/two.ts");
  EXPECT_EQ(sandbox.agentcmd({"run", "one"}).code, 0);
}

TEST_F(BadInputTest, AWholeNumberThatIsTooLargeIsSaidToBe) {
  sandbox.define("one.ts", R"(
export default defineWorkflow({ id: "one", argsSchema: defineSchema({ type: "object",
  properties: { n: { type: "integer" } } }) }, async () => {});)");
  expect_clear(sandbox.agentcmd({"run", "one", "--arg", "n=99999999999999999999"}), 2, "too large");
}

TEST_F(BadInputTest, DetachedHeadWorksInAWorktree) {
  define("return event.data.workingDir;");
  sandbox.make_repository();
  sandbox.git({"checkout", "-q", "--detach"});
  const auto finished = sandbox.agentcmd({"run", "one", "--mode", "worktree", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
}

TEST_F(BadInputTest, ABranchThatIsCheckedOutElsewhereIsRefused) {
  define("return 1;");
  sandbox.make_repository();
  expect_clear(sandbox.agentcmd({"run", "one", "--mode", "worktree", "--branch", "main"}), 1,
               "main");
}

TEST_F(BadInputTest, ABranchNameThatGitRefuses) {
  define("return 1;");
  sandbox.make_repository();
  for (const auto* name : {"-x", "a..b", "a b"}) {
    const auto finished =
        sandbox.agentcmd({"run", "one", "--mode", "worktree", fmt::format("--branch={}", name)});
    EXPECT_EQ(finished.code, 2) << name;
  }
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(BadInputTest, AMissingShellFailsTheStepWithItsName) {
  define("await step.cli('x', { command: 'true', shell: '/no/such/shell' });");
  expect_clear(sandbox.agentcmd({"run", "one"}), 1, "/no/such/shell");
}

TEST_F(BadInputTest, ACommandThatIsNotFoundIsAValue) {
  define(
      "const r = await step.cli('x', { command: 'no-such-command-here' }); return [r.success, "
      "r.data.exitCode];");
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  EXPECT_EQ(result_of(finished)["result"], Json::parse("[false,127]"));
}

TEST_F(BadInputTest, AnAgentThatIsNotInstalledSaysHowToInstallIt) {
  define("await step.agent('x', { agent: 'claude', prompt: 'hi' });");
  sandbox.env["PATH"] = "/usr/bin:/bin";
  expect_clear(sandbox.agentcmd({"run", "one"}), 1, "npm");
}

TEST_F(BadInputTest, TwoHundredMegabytesOfOutputAreBounded) {
  define(
      "const r = await step.cli('x', { command: 'yes 0123456789 | head -c 200000000' });"
      "return [r.success, r.data.stdout.length < 30000000, r.data.exitCode];");
  const auto finished = sandbox.agentcmd({"run", "one", "--json", "--quiet"});
  EXPECT_EQ(finished.code, 0) << finished.err.substr(0, 2000);
  EXPECT_EQ(sandbox.runs().at(0)["status"], "completed");
}

TEST_F(BadInputTest, OutputThatIsNotUtf8IsReplacedAndTheRunGoesOn) {
  define("return (await step.cli('x', { command: \"printf 'a\\\\377b'\" })).data.stdout;");
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  EXPECT_EQ(result_of(finished)["result"],
            "a\xef\xbf\xbd"
            "b");
}

TEST_F(BadInputTest, ADatabaseOfANewerVersionIsNotTouched) {
  define("return 1;");
  ASSERT_EQ(sandbox.agentcmd({"run", "one"}).code, 0);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((sandbox.home / "database.db").c_str(), &db), SQLITE_OK);
  sqlite3_exec(db,
               "UPDATE schema_version SET version = 9999 WHERE version = "
               "(SELECT max(version) FROM schema_version)",
               nullptr, nullptr, nullptr);
  sqlite3_close(db);
  expect_clear(sandbox.agentcmd({"run", "one"}), 2, "newer");
}

TEST_F(BadInputTest, AFileThatIsNoDatabase) {
  define("return 1;");
  fs::create_directories(sandbox.home);
  std::ofstream(sandbox.home / "database.db") << std::string(8192, 'x');
  const auto finished = sandbox.agentcmd({"run", "one"});
  EXPECT_EQ(finished.code, 2) << finished.err;
  EXPECT_TRUE(finished.err.contains("database.db")) << finished.err;
}

TEST_F(BadInputTest, AHomeThatCannotBeWritten) {
  define("return 1;");
  // root may write anywhere, so the obstacle is a file where the folder should be.
  std::ofstream(sandbox.root / "file") << "x";
  sandbox.env["AGENTCMD_HOME"] = (sandbox.root / "file" / "home").string();
  expect_clear(sandbox.agentcmd({"run", "one"}), 2, "AGENTCMD_HOME");
}

class FullDiskTest : public BadInputTest {
 protected:
  void SetUp() override {
    fs::create_directories(sandbox.home);
    if (geteuid() != 0 || mount("tmpfs", sandbox.home.c_str(), "tmpfs", 0, "size=4m") != 0) {
      GTEST_SKIP() << "needs root to mount a small tmpfs";
    }
    mounted = true;
  }
  void TearDown() override {
    if (mounted) umount2(sandbox.home.c_str(), MNT_DETACH);
  }
  void fill() {
    std::ofstream out(sandbox.home / "filler", std::ios::binary);
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  bool mounted = false;
};

TEST_F(FullDiskTest, AFullDiskIsSaidAndTheRunGoesOnOnceThereIsSpace) {
  define(
      "await step.cli('wait', { command: 'touch started; while [ ! -e go ]; do sleep 0.02; done' "
      "});"
      "await step.cli('big', { command: 'head -c 300000 /dev/zero | tr \"\\\\0\" x' });"
      "return 'done';");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "the step runs");
  fill();
  sandbox.write("go", "");
  const auto finished = running->wait();
  EXPECT_NE(finished.code, 0);
  EXPECT_TRUE((finished.out + finished.err).contains("space")) << finished.out << finished.err;
  fs::remove(sandbox.home / "filler");
  const std::string id = sandbox.runs().at(0)["id"];
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], "done");
}

TEST_F(FullDiskTest, DoctorSaysThatTheDiskIsFullAndAdvisesNoRestore) {
  define("return 1;");
  ASSERT_EQ(sandbox.agentcmd({"run", "one", "--json"}).code, 0);
  fill();
  const auto examined = sandbox.agentcmd({"doctor"});
  EXPECT_EQ(examined.code, 1) << examined.out;
  EXPECT_TRUE(examined.out.contains("the disk is full")) << examined.out;
  EXPECT_TRUE(examined.out.contains("free some space")) << examined.out;
  EXPECT_FALSE(examined.out.contains("agentcmd restore")) << examined.out;
  fs::remove(sandbox.home / "filler");
  EXPECT_FALSE(sandbox.agentcmd({"doctor"}).out.contains("the disk is full, so"));
}

TEST_F(BadInputTest, APayloadThatIsGonePausesTheRunAndNamesTheStep) {
  define(
      "const r = await step.run('big', async () => 'x'.repeat(20000));"
      "await step.cli('wait', { command: 'touch started; while [ ! -e go ]; do sleep 0.02; done' "
      "});"
      "return r.length;");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "the second step runs");
  running->signal(SIGKILL);
  running->wait();
  sandbox.write("go", "");
  fs::rename(sandbox.home / "blobs", sandbox.home / "blobs-away");
  const std::string id = sandbox.runs().at(0)["id"];
  const auto resumed = sandbox.agentcmd({"runs", "resume", id});
  expect_clear(resumed, 5, "big");
  fs::remove_all(sandbox.home / "blobs");
  fs::rename(sandbox.home / "blobs-away", sandbox.home / "blobs");
  const auto again = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(again.code, 0) << again.out << again.err;
  EXPECT_EQ(result_of(again)["result"], 20000);
}

}  // namespace
}  // namespace agentcmd::test
