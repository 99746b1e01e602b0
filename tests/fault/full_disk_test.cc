// A disk that is full while a run goes on, and a database that somebody else holds.

#include "support/sandbox.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* until_go =
    "await step.cli('wait', { command: 'touch begun; while [ ! -e go ]; do sleep 0.02; done' });";

// The project on a small disk of its own; the home is elsewhere.
class FullProjectTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || mount("tmpfs", sandbox.project.c_str(), "tmpfs", 0, "size=8m") != 0) {
      GTEST_SKIP() << "needs root to mount a small tmpfs";
    }
    mounted = true;
  }
  void TearDown() override {
    if (mounted) umount2(sandbox.project.c_str(), MNT_DETACH);
  }
  void define(const std::string& body) {
    sandbox.define("one.ts", "export default defineWorkflow({ id: 'one' }, async ({ step }) => {" +
                                 std::string(until_go) + body + "});");
  }
  void start() {
    running = sandbox.start({"run", "one", "--json"});
    wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the run is on its way");
  }
  // Leaves `room` bytes.
  void fill(std::uintmax_t room) {
    std::ofstream out(sandbox.project / "filler", std::ios::binary);
    const std::string block(64 * 1024, 'x');
    while (fs::space(sandbox.project).available > room + block.size() &&
           out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() { fs::remove(sandbox.project / "filler"); }
  std::string id() const { return sandbox.runs().at(0)["id"]; }

  Sandbox sandbox;
  std::unique_ptr<Running> running;
  bool mounted = false;
};

TEST_F(FullProjectTest, OutputThatCannotBeKeptFailsTheStepAndSaysSo) {
  define(
      "await step.cli('big', { command: 'touch ran; head -c 2000000 /dev/zero | tr \"\\\\0\" x' "
      "});");
  start();
  fill(512 * 1024);
  sandbox.write("go", "");
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 1) << finished.out << finished.err;
  EXPECT_TRUE(result_of(finished)["error"]["message"].dump().contains("the disk is full"))
      << finished.out;
  EXPECT_EQ(sandbox.run(id())["steps"].dump().find("\"attempts\":2"), std::string::npos)
      << "a command that has done its work is not run again";
  EXPECT_TRUE(sandbox.processes().empty());
}

TEST_F(FullProjectTest, AnArtifactThatFindsNoRoomIsTriedAgainAndKeptOnceThereIs) {
  define(
      "const r = await step.artifact('keep', { name: 'big', type: 'text', "
      "content: 'x'.repeat(2000000) }, { retry: { attempts: 1000, initial: 20, factor: 1 } });"
      "return r.success;");
  start();
  fill(512 * 1024);
  sandbox.write("go", "");
  wait_until([&] { return sandbox.run(id())["steps"].dump().contains("No space left on device"); },
             "the artifact finds no room, and says so");
  make_room();
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], true);
}

class LockedDatabaseTest : public testing::Test {
 protected:
  // Another program's hold on the database.
  class Hold {
   public:
    explicit Hold(const fs::path& file) {
      sqlite3_open(file.c_str(), &database_);
      sqlite3_busy_timeout(database_, 10'000);
      EXPECT_EQ(sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    }
    void release() { sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr); }
    ~Hold() { sqlite3_close(database_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    sqlite3* database_ = nullptr;
  };

  Sandbox sandbox;
};

TEST_F(LockedDatabaseTest, IsWaitedForSaidAndGoneOnWith) {
  sandbox.define("one.ts",
                 std::string("export default defineWorkflow({ id: 'one' }, async ({ step }) => {") +
                     until_go + "return 'done'; });");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "begun"); }, "the run is on its way");
  Hold hold(sandbox.home / "database.db");
  sandbox.write("go", "");
  wait_until([&] { return running->errors().contains("another program holds the database"); },
             "it says what it waits for");
  hold.release();
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
}

}  // namespace
}  // namespace agentcmd::test
