// Disks that fail: what was refused left nothing behind, and goes through once there is space.

#include "base/fault.h"
#include "base/limits.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;
using namespace history;

enum class Outcome { accepted, faulted, broken };

Outcome try_append(Loop& loop, Store& store, std::vector<RunAppend> what) {
  try {
    return loop.wait(store.log().append(std::move(what))) ? Outcome::accepted : Outcome::broken;
  } catch (const Fault&) {
    return Outcome::faulted;
  }
}

void limit_files_to(rlim_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

// Two runs, many pages, one blob.
std::vector<RunAppend> large_append() {
  std::vector<Detail> details{created(), RunStarted{}, scheduled("a"), started("a")};
  for (int i = 0; i < 40; ++i) details.push_back(Logged{"info", "", std::string(700, 'x')});
  details.push_back(completed("a", '"' + std::string(limits::inline_payload_max, 'x') + '"'));
  return parts(part("r2", 0, details), part("r1", 1, {RunStarted{}}));
}

// A process whose files cannot grow beyond `bytes`: appends, and where that failed once more
// without the limit. The exit code is what became of the first.
int child_with_limit(const Home& home, rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  Loop loop;
  auto store = loop.open(home);
  limit_files_to(bytes);
  const auto first = try_append(loop, *store, large_append());
  limit_files_to(RLIM_INFINITY);
  if (first == Outcome::accepted) return 0;
  if (first == Outcome::broken) return 1;
  if (!loop.wait(store->log().read({"r2"}, 0)).empty()) return 2;
  if (loop.wait(store->log().read({"r1"}, 0)).size() != 1) return 3;
  return try_append(loop, *store, large_append()) == Outcome::accepted ? 10 : 4;
}

int run_child(const Home& home, rlim_t bytes) {
  const auto child = fork();
  if (child == 0) _exit(child_with_limit(home, bytes));
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(HistoryLog, EveryFailingWriteLeavesAllOrNothing) {
  constexpr rlim_t page = 4096;
  int failures = 0;
  int code = 10;
  for (rlim_t bytes = page / 2; code != 0; bytes += page + 100) {
    ASSERT_LT(bytes, 200 * page) << "it never came to succeed";
    TempHome temp;
    Loop loop;
    {
      auto store = loop.open(temp.home);
      ASSERT_TRUE(loop.wait(store->log().append(parts(part("r1", 0, {created()})))));
    }
    code = run_child(temp.home, bytes);
    ASSERT_TRUE(code == 0 || code == 10) << "code " << code << " at " << bytes << " bytes";
    if (code == 10) ++failures;

    auto store = loop.open(temp.home);
    EXPECT_EQ(loop.wait(store->log().read({"r2"}, 0)), large_append()[0].events);
    EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)).size(), 2U);
    EXPECT_EQ(loop.wait(store->catalog().runs({})).size(), 2U);
  }
  EXPECT_GT(failures, 3) << "the failure point moved";
}

// A file system of 1.5 MiB.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    mounted_ = mount("none", folder_.c_str(), "tmpfs", 0, "size=1536k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool works() const { return mounted_; }
  fs::path ballast() const { return folder_ / "ballast"; }
  void fill() const {
    std::ofstream out(ballast(), std::ios::binary);
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

TEST(HistoryLog, AFullDiskIsAFaultAndLaterAppendsGoOn) {
  TempHome temp;
  const SmallDisk disk(temp.home.root / "disk");
  if (!disk.works()) GTEST_SKIP() << "this user may not mount a small file system";
  const Home home{temp.home.root / "disk" / "home"};
  prepare(home);
  Loop loop;
  {
    auto store = loop.open(home);
    ASSERT_TRUE(loop.wait(store->log().append(parts(part("r1", 0, {created()})))));
    disk.fill();
    try {
      loop.wait(store->log().append(large_append()));
      ADD_FAILURE() << "a full disk took an append";
    } catch (const Fault& fault) {
      EXPECT_NE(std::string(fault.what()).find("ree some space"), std::string::npos)
          << fault.what();
    }
    EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)).size(), 1U) << "what was there is readable";
    fs::remove(disk.ballast());
    EXPECT_EQ(try_append(loop, *store, large_append()), Outcome::accepted);
  }
  auto store = loop.open(home);
  EXPECT_EQ(loop.wait(store->log().read({"r2"}, 0)), large_append()[0].events);
}

}  // namespace
}  // namespace agentcmd::store
