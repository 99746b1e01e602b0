// backup, restore and doctor, as a user sees them.

#include "support/sandbox.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view quick = R"(
export default defineWorkflow({ id: "quick" }, async ({ step }) => {
  await step.cli("say", { command: "echo hello" });
  return "x".repeat(6000);
});
)";

constexpr std::string_view busy = R"(
export default defineWorkflow({ id: "busy" }, async ({ step }) => {
  for (let i = 0; i < 100000; i++) {
    const text = await step.run("turn", async () => String(i).padStart(5000, "."));
    if (i % 20 === 19 && (await step.run("look", async () => (await import("node:fs")).existsSync("go")))) {
      return text.length;
    }
  }
});
)";

constexpr std::string_view waiting = R"(
export default defineWorkflow({ id: "waiting" }, async ({ step }) => {
  const before = await step.run("before", async () => 41);
  await step.cli("wait", { command: "touch started; while [ ! -e go ]; do sleep 0.02; done" });
  return before + 1;
});
)";

class BackupE2eTest : public testing::Test {
 protected:
  BackupE2eTest() {
    sandbox.define("quick.ts", quick);
    sandbox.define("busy.ts", busy);
    sandbox.define("waiting.ts", waiting);
    sandbox.make_repository();
    backup = sandbox.root / "backup.tar";
    other = sandbox.root / "other";
  }
  void run_once() { ASSERT_EQ(sandbox.agentcmd({"run", "quick"}).code, 0); }
  Finished in(const fs::path& home, std::vector<std::string> args) {
    args.insert(args.end(), {"--home", home.string()});
    return sandbox.agentcmd(args);
  }
  Json doctor(const fs::path& home, std::vector<std::string> flags = {}, int code = 0) {
    flags.insert(flags.begin(), "doctor");
    flags.emplace_back("--json");
    const auto finished = in(home, flags);
    EXPECT_EQ(finished.code, code) << finished.out << finished.err;
    return parse_trusted(finished.out, "doctor --json");
  }
  // What the only problem says.
  std::string problem(const fs::path& home) {
    std::vector<std::string> problems;
    for (const auto& finding : doctor(home, {}, 1)["findings"]) {
      EXPECT_FALSE(finding["meaning"].get<std::string>().empty()) << finding;
      if (finding["severity"] == "problem") problems.push_back(finding["what"]);
    }
    EXPECT_EQ(problems.size(), 1U);
    return problems.empty() ? "" : problems[0];
  }
  void change(const fs::path& home, const char* statement) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((home / "database.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, statement, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  fs::path a_blob(const fs::path& home) {
    for (const auto& entry : fs::recursive_directory_iterator(home / "blobs")) {
      if (entry.is_regular_file()) return entry.path();
    }
    ADD_FAILURE() << "no blob";
    return {};
  }

  Sandbox sandbox;
  fs::path backup;
  fs::path other;
};

TEST_F(BackupE2eTest, ABackupTakenUnderLoadIsRestoredElsewhereAndTheDoctorIsContent) {
  auto running = sandbox.start({"run", "busy", "--json"});
  running->line_with("turn#30");
  const auto made = sandbox.agentcmd({"backup", backup, "--json"});
  ASSERT_EQ(made.code, 0) << made.out << made.err;
  EXPECT_EQ(parse_trusted(made.out, "backup")["runs"], 1);
  running->line_with("turn");  // it was not stopped by that
  sandbox.write("go", "");
  EXPECT_EQ(running->wait().code, 0);

  const auto restored = in(other, {"restore", backup});
  ASSERT_EQ(restored.code, 0) << restored.out << restored.err;
  EXPECT_EQ(doctor(other)["healthy"], true);
  EXPECT_EQ(doctor(other)["store"]["runs"], 1);
  EXPECT_EQ(doctor(sandbox.home)["healthy"], true);
  const auto runs = parse_trusted(in(other, {"runs", "list", "--json"}).out, "runs");
  EXPECT_EQ(runs.at(0)["status"], "running") << "as it was then";
  const auto resumed = in(other, {"runs", "resume", runs.at(0)["id"], "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], 5000);
}

TEST_F(BackupE2eTest, AnInterruptedRunOfABackupGoesOnWhereItWas) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "it started");
  ASSERT_EQ(sandbox.agentcmd({"backup", backup}).code, 0);
  running->signal(SIGKILL);
  running->wait();
  fs::rename(sandbox.home, sandbox.root / "lost");
  ASSERT_EQ(sandbox.agentcmd({"restore", backup}).code, 0);
  sandbox.write("go", "");
  const auto id = sandbox.runs().at(0)["id"].get<std::string>();
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"], 42);
}

TEST_F(BackupE2eTest, RestoreRefusesAHomeInUseAndOneWithContent) {
  run_once();
  ASSERT_EQ(sandbox.agentcmd({"backup", backup}).code, 0);
  auto refused = sandbox.agentcmd({"restore", backup});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("--force")) << refused.err;
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "it started");
  refused = sandbox.agentcmd({"restore", backup, "--force"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains(std::to_string(running->pid()))) << refused.err;
  sandbox.write("go", "");
  running->wait();
  EXPECT_EQ(sandbox.runs().size(), 2U);

  const auto restored = sandbox.agentcmd({"restore", backup, "--force", "--json"});
  ASSERT_EQ(restored.code, 0) << restored.err;
  EXPECT_EQ(sandbox.runs().size(), 1U);
  const fs::path former = parse_trusted(restored.out, "restore")["former"].get<std::string>();
  EXPECT_EQ(parse_trusted(in(former, {"runs", "list", "--json"}).out, "runs").size(), 2U);
}

TEST_F(BackupE2eTest, ABackupNeedsAFolderToBeMadeIn) {
  run_once();
  const auto refused = sandbox.agentcmd({"backup", sandbox.root / "missing" / "b.tar"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("there is no folder")) << refused.err;
}

TEST_F(BackupE2eTest, ABackupThatIsNoneIsSaidBeforeAnythingOfTheHome) {
  run_once();
  sandbox.write("text", "no backup");
  for (const auto& source : {sandbox.project / "text", sandbox.root / "missing.tar"}) {
    const auto refused = sandbox.agentcmd({"restore", source});
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_TRUE(refused.err.contains(source.filename().string())) << refused.err;
    EXPECT_FALSE(refused.err.contains("--force")) << refused.err;
  }
}

TEST_F(BackupE2eTest, ADamagedBackupIsRefusedAndNothingIsTouched) {
  run_once();
  ASSERT_EQ(sandbox.agentcmd({"backup", backup}).code, 0);
  EXPECT_EQ(sandbox.agentcmd({"restore", backup, "--check"}).code, 0);
  fs::resize_file(backup, fs::file_size(backup) - 3000);
  for (const auto* flag : {"--check", "--force"}) {
    const auto refused = sandbox.agentcmd({"restore", backup, flag});
    EXPECT_EQ(refused.code, 2);
    EXPECT_TRUE(refused.err.contains("cannot be used")) << refused.err;
  }
  EXPECT_EQ(sandbox.runs().size(), 1U);
  EXPECT_EQ(doctor(sandbox.home)["healthy"], true);
}

TEST_F(BackupE2eTest, AFullDiskInTheMiddleOfABackupLosesNothing) {
  run_once();
  const auto small = sandbox.root / "small";
  fs::create_directories(small);
  if (mount("none", small.c_str(), "tmpfs", 0, "size=128k") != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  for (const auto* name : {"backup.tar", "folder"}) {
    const auto made = sandbox.agentcmd({"backup", small / name});
    EXPECT_EQ(made.code, 1) << made.out;
    EXPECT_TRUE(made.err.contains("ree some space") || made.err.contains("full")) << made.err;
    EXPECT_TRUE(fs::is_empty(small)) << "nothing is left of it";
  }
  umount(small.c_str());
  EXPECT_EQ(doctor(sandbox.home)["healthy"], true);
}

TEST_F(BackupE2eTest, AReadOnlyHomeCanBeExaminedAndBackedUp) {
  run_once();
  if (mount(sandbox.home.c_str(), sandbox.home.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  mount(nullptr, sandbox.home.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr);
  EXPECT_TRUE(problem(sandbox.home).contains("cannot be written to"));
  const auto made = sandbox.agentcmd({"backup", backup});
  umount(sandbox.home.c_str());
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(in(other, {"restore", backup}).code, 0);
  EXPECT_EQ(doctor(other)["store"]["runs"], 1);
}

TEST_F(BackupE2eTest, TheDoctorNamesWhatIsDamagedAndRebuildsWhatItCan) {
  run_once();
  EXPECT_EQ(doctor(sandbox.home)["healthy"], true);
  sandbox.runs();  // so that what is shown is there
  change(sandbox.home, "UPDATE runs SET status = 'failed'");
  EXPECT_TRUE(problem(sandbox.home).contains("differs from its history"));
  EXPECT_EQ(sandbox.runs().at(0)["status"], "failed") << "doctor alone changes nothing";
  const auto mended = doctor(sandbox.home, {"--rebuild"});
  EXPECT_EQ(mended["repaired"].size(), 1U);
  EXPECT_EQ(sandbox.runs().at(0)["status"], "completed");

  const auto blob = a_blob(sandbox.home);
  std::ofstream(blob) << "other bytes";
  EXPECT_TRUE(problem(sandbox.home).contains("damaged"));
  const auto backed_up = sandbox.agentcmd({"backup", backup});
  EXPECT_EQ(backed_up.code, 1) << "with a warning";
  EXPECT_TRUE(backed_up.err.contains("damaged")) << backed_up.err;
  fs::remove(blob);
  EXPECT_TRUE(problem(sandbox.home).contains("missing"));
}

TEST_F(BackupE2eTest, TheDoctorSeesWhatKilledProcessesLeftBehind) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "it started");
  running->signal(SIGKILL);
  running->wait();
  fs::create_directories(sandbox.project / ".agent/workflows/executions/rstranger000");
  for (const auto& entry : fs::directory_iterator(sandbox.home / "drivers")) {
    fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  std::string notes;
  for (const auto& finding : doctor(sandbox.home)["findings"]) {
    notes += finding["what"].get<std::string>() + "\n";
  }
  EXPECT_TRUE(notes.contains("no process drives 1 unfinished run")) << notes;
  EXPECT_TRUE(notes.contains("of drivers that are dead")) << notes;
  EXPECT_TRUE(notes.contains("rstranger000")) << notes;
  doctor(sandbox.home, {"--fix"});
  EXPECT_TRUE(fs::is_empty(sandbox.home / "drivers"));
  sandbox.write("go", "");
  const auto id = sandbox.runs().at(0)["id"].get<std::string>();
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id}).code, 0);
}

TEST_F(BackupE2eTest, TheBundleOfAnUnfinishedRunIsMissed) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "it started");
  running->signal(SIGTERM);
  running->wait();
  fs::remove_all(sandbox.home / "bundles");
  EXPECT_TRUE(problem(sandbox.home).contains("is not kept"));
}

TEST_F(BackupE2eTest, ATruncatedDatabaseANewerOneAndBadSettingsAreFindings) {
  run_once();
  std::ofstream(sandbox.home / "config.json") << "{";
  EXPECT_TRUE(problem(sandbox.home).contains("config.json"));
  fs::remove(sandbox.home / "config.json");
  ASSERT_EQ(sandbox.agentcmd({"backup", backup}).code, 0);

  change(sandbox.home, "INSERT INTO schema_version VALUES(1000, '9.8.7', 0)");
  EXPECT_TRUE(problem(sandbox.home).contains("newer agentcmd (9.8.7)"));
  const auto refused = sandbox.agentcmd({"backup", sandbox.root / "two.tar"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("newer")) << refused.err;

  fs::resize_file(sandbox.home / "database.db", 30'000);
  for (const auto* rest : {"database.db-wal", "database.db-shm"}) fs::remove(sandbox.home / rest);
  const auto damaged = doctor(sandbox.home, {}, 1);
  EXPECT_EQ(damaged["healthy"], false);
  EXPECT_NE(sandbox.agentcmd({"runs", "list"}).code, 0);
  ASSERT_EQ(sandbox.agentcmd({"restore", backup, "--force"}).code, 0);
  EXPECT_EQ(doctor(sandbox.home)["healthy"], true);
  EXPECT_EQ(sandbox.runs().size(), 1U);
}

}  // namespace
}  // namespace agentcmd::test
