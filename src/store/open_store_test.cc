#include "base/fault.h"
#include "store/migrations.h"
#include "store/store_fixture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;
using namespace history;

std::string fault_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "no fault";
}

std::string fault_of_opening(const Home& home) {
  return fault_of([&] { Loop().open(home); });
}

#define EXPECT_HAS(text, part) \
  EXPECT_NE(std::string(text).find(part), std::string::npos) << "in: " << (text)

TEST(Home, FoldersAreForTheUserAlone) {
  TempHome temp;
  for (const auto& folder : {temp.home.root, temp.home.blobs(), temp.home.drivers()}) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all) << folder;
  }
  EXPECT_NO_THROW(prepare(temp.home)) << "a second time";
}

TEST(Home, AFileInItsPlaceIsAFaultWithTheWayOut) {
  TempHome temp;
  std::ofstream(temp.home.root / "file") << "x";
  const auto message = fault_of([&] { prepare({temp.home.root / "file"}); });
  EXPECT_HAS(message, (temp.home.root / "file").native());
  EXPECT_HAS(message, "AGENTCMD_HOME");
}

// A folder that nobody can write to, also not root.
class ReadOnlyFolder {
 public:
  explicit ReadOnlyFolder(fs::path folder) : folder_(std::move(folder)) {
    if (geteuid() != 0) {
      chmod(folder_.c_str(), 0500);
      works_ = true;
      return;
    }
    mounted_ = mount(folder_.c_str(), folder_.c_str(), nullptr, MS_BIND, nullptr) == 0;
    works_ = mounted_ && mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY,
                               nullptr) == 0;
  }
  ~ReadOnlyFolder() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
    if (geteuid() != 0) chmod(folder_.c_str(), 0700);
  }
  ReadOnlyFolder(const ReadOnlyFolder&) = delete;
  ReadOnlyFolder& operator=(const ReadOnlyFolder&) = delete;
  bool works() const { return works_; }

 private:
  fs::path folder_;
  bool mounted_ = false;
  bool works_ = false;
};

TEST(Home, AReadOnlyFolderIsAFaultWithTheWayOut) {
  TempHome temp;
  const ReadOnlyFolder read_only(temp.home.root);
  if (!read_only.works()) GTEST_SKIP() << "this machine allows root no mounts";
  EXPECT_HAS(fault_of([&] { prepare(temp.home); }), "AGENTCMD_HOME");
  EXPECT_HAS(fault_of([&] { prepare({temp.home.root / "deeper"}); }), "AGENTCMD_HOME");
}

TEST(OpenStore, AReadOnlyHomeIsAFaultWithTheWayOut) {
  TempHome temp;
  Loop().open(temp.home);
  const ReadOnlyFolder read_only(temp.home.root);
  if (!read_only.works()) GTEST_SKIP() << "this machine allows root no mounts";
  const auto message = fault_of_opening(temp.home);
  EXPECT_HAS(message, temp.home.database().native());
  EXPECT_HAS(message, "AGENTCMD_HOME");
}

TEST(OpenStore, AMissingHomeIsAFaultWithTheWayOut) {
  TempHome temp;
  EXPECT_HAS(fault_of_opening({temp.home.root / "missing"}), "AGENTCMD_HOME");
}

TEST(OpenStore, AFileThatIsNoDatabaseIsAFault) {
  TempHome temp;
  std::ofstream(temp.home.database()) << std::string(10000, 'x');
  EXPECT_HAS(fault_of_opening(temp.home), "this file is no database");
  EXPECT_EQ(fs::file_size(temp.home.database()), 10000U) << "it is left as it is";
}

TEST(OpenStore, ADatabaseOfAnotherProgramIsAFault) {
  TempHome temp;
  Connection(temp.home, Durability::full).sql() << "CREATE TABLE theirs(x)";
  EXPECT_HAS(fault_of_opening(temp.home), "another program");
}

TEST(OpenStore, ANewerDatabaseIsAFaultThatSaysToUpgrade) {
  TempHome temp;
  Loop().open(temp.home);
  Connection(temp.home, Durability::full).sql()
      << "INSERT INTO schema_version VALUES(1000, '9.8.7', 0)";
  const auto message = fault_of_opening(temp.home);
  EXPECT_HAS(message, "newer agentcmd (9.8.7): upgrade agentcmd");
  EXPECT_HAS(message, "AGENTCMD_HOME");
}

TEST(OpenStore, PathsMayHoldAnything) {
  TempHome temp;
  const Home home{temp.home.root / "a = b; \"c\" 'd' ä%20"};
  prepare(home);
  Loop loop;
  auto store = loop.open(home);
  ASSERT_TRUE(loop.wait(store->log().append(parts(part("r1", 0, {created()})))));
  EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)).size(), 1U);
  EXPECT_TRUE(fs::exists(home.database()));
}

constexpr std::array<std::string_view, 1> more{"CREATE TABLE more(x)"};
constexpr std::array<std::string_view, 2> broken{"CREATE TABLE rest(x)", "no SQL"};

std::vector<Migration> with_second(std::span<const std::string_view> statements) {
  std::vector<Migration> steps(migrations().begin(), migrations().end());
  steps.push_back({steps.back().version + 1, statements});
  return steps;
}

int tables_named(Connection& connection, const std::string& name) {
  int count = 0;
  connection.sql() << "SELECT count(*) FROM sqlite_master WHERE name = :name", soci::use(name),
      soci::into(count);
  return count;
}

TEST(Migrations, AnOlderDatabaseIsBackedUpAndBroughtForward) {
  TempHome temp;
  {
    Loop loop;
    auto store = loop.open(temp.home);
    ASSERT_TRUE(loop.wait(store->log().append(parts(part("r1", 0, {created()})))));
  }
  Connection connection(temp.home, Durability::full);
  migrate(connection, temp.home, with_second(more));
  EXPECT_EQ(tables_named(connection, "more"), 1);

  const auto backup = fs::path(
      fmt::format("{}.{}.backup", temp.home.database().native(), migrations().back().version));
  ASSERT_TRUE(fs::exists(backup));
  TempHome old;
  fs::copy_file(backup, old.home.database());
  Loop loop;
  auto store = loop.open(old.home);
  EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)).size(), 1U);
}

TEST(Migrations, ANewDatabaseNeedsNoBackup) {
  TempHome temp;
  Loop().open(temp.home);
  EXPECT_FALSE(fs::exists(temp.home.database().native() + ".0.backup"));
}

TEST(Migrations, AMigrationThatFailsChangesNothing) {
  TempHome temp;
  Loop().open(temp.home);
  {
    Connection connection(temp.home, Durability::full);
    EXPECT_THROW(migrate(connection, temp.home, with_second(broken)), Fault);
    EXPECT_EQ(tables_named(connection, "rest"), 0);
  }
  EXPECT_NO_THROW(Loop().open(temp.home));
}

}  // namespace
}  // namespace agentcmd::store
