#include "runtime/retention.h"

#include "runtime/home_fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace agentcmd::runtime {
namespace {

using namespace history;
using namespace std::chrono_literals;

class RuntimeRetentionTest : public HomeFixture {
 protected:
  void record(const std::string& run, std::vector<Detail> details) {
    std::vector<Event> events;
    for (auto& detail : details) {
      events.push_back({.seq = events.size() + 1, .at = clock.now(), .detail = std::move(detail)});
    }
    std::vector<store::RunAppend> parts;
    parts.push_back({.run = {run}, .owner = {.driver = "d1"}, .events = std::move(events)});
    ASSERT_TRUE(wait(store->log().append(std::move(parts))));
    fs::create_directories(folder(run) / "logs/step/1");
    std::ofstream(folder(run) / "logs/step/1/stdout") << std::string(10'000, 'x');
  }
  RunCreated created() { return {.definition = "d", .project = project, .request = {"{}"}}; }
  // Ends now; a day later is tomorrow.
  void ended_run(const std::string& run) {
    record(run, {created(), RunStarted{}, RunCompleted{{"1"}}});
    clock.advance(24h);
  }
  fs::path folder(const std::string& run) { return project / ".agent/workflows/executions" / run; }
  PruneReport prune(RetentionPolicy policy, bool dry_run = false) {
    return wait(prune_runs(io.get_executor(), *store, clock,
                           {.home = home, .policy = policy, .dry_run = dry_run}));
  }
  std::vector<std::string> listed() {
    std::vector<std::string> ids;
    for (const auto& run : wait(store->catalog().runs({}))) ids.push_back(run.id.text);
    return ids;
  }

  using Ids = std::vector<std::string>;
  ManualClock clock{from_millis(1'800'000'000'000)};
};

TEST_F(RuntimeRetentionTest, ARunGoesWithItsFilesWhenItIsOldEnough) {
  ended_run("r1");
  ended_run("r2");
  std::ofstream(home.logs() / "r1.log") << "x";
  const auto report = prune({.older_than = 36h});
  ASSERT_EQ(report.deleted.size(), 1U);
  EXPECT_EQ(report.deleted[0].run.id.text, "r1");
  EXPECT_GE(report.deleted[0].file_bytes, 10'000U);
  EXPECT_GT(report.deleted[0].history_bytes, 0U);
  EXPECT_EQ(listed(), Ids{"r2"});
  EXPECT_FALSE(fs::exists(folder("r1")));
  EXPECT_FALSE(fs::exists(home.logs() / "r1.log"));
  EXPECT_TRUE(fs::exists(folder("r2")));
}

TEST_F(RuntimeRetentionTest, TheNewestStayAndWithBothLimitsARunGoesOnlyByBoth) {
  for (const auto* run : {"r1", "r2", "r3", "r4"}) ended_run(run);
  EXPECT_TRUE(prune({.older_than = 36h, .keep = 4}).deleted.empty());
  EXPECT_TRUE(prune({.older_than = 240h, .keep = 0}).deleted.empty());
  EXPECT_EQ(prune({.keep = 3}).deleted.size(), 1U);
  EXPECT_EQ(listed(), (Ids{"r4", "r3", "r2"}));
  EXPECT_TRUE(prune({}).deleted.empty()) << "no policy deletes nothing";
}

TEST_F(RuntimeRetentionTest, ADryRunSaysTheSameAndChangesNothing) {
  ended_run("r1");
  ended_run("r2");
  const auto dry = prune({.keep = 0}, true);
  EXPECT_EQ(listed(), (Ids{"r2", "r1"}));
  EXPECT_TRUE(fs::exists(folder("r1")));
  const auto real = prune({.keep = 0});
  ASSERT_EQ(dry.deleted.size(), real.deleted.size());
  for (std::size_t i = 0; i < real.deleted.size(); ++i) {
    EXPECT_EQ(dry.deleted[i].run.id, real.deleted[i].run.id);
    EXPECT_EQ(dry.deleted[i].file_bytes, real.deleted[i].file_bytes);
  }
}

TEST_F(RuntimeRetentionTest, ARunThatHasNotEndedStaysAndIsNamed) {
  record("r1", {created(), RunStarted{}});
  clock.advance(240h);
  const auto report = prune({.older_than = 24h});
  EXPECT_TRUE(report.deleted.empty());
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(report.kept[0].why, "it has not ended (running)");
  const auto asked = wait(delete_runs(io.get_executor(), *store, clock, home, {{"r1"}}));
  ASSERT_EQ(asked.kept.size(), 1U);
  EXPECT_EQ(asked.kept[0].why, "it has not ended");
  EXPECT_EQ(listed(), Ids{"r1"});
}

TEST_F(RuntimeRetentionTest, ARunWhoseProcessStillLivesStays) {
  ended_run("r1");
  const auto lock = folder("r1") / "logs/step/1/lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(fd, LOCK_EX), 0);
  const auto report = prune({.keep = 0});
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(report.kept[0].why, "a process of it still runs");
  close(fd);
  EXPECT_EQ(prune({.keep = 0}).deleted.size(), 1U);
}

TEST_F(RuntimeRetentionTest, ADeletionThatWasCutOffIsFinishedByTheNextPrune) {
  ended_run("r1");
  ended_run("r2");
  listed();
  // Killed after the transaction, with some of the files gone.
  EXPECT_TRUE(wait(store->retention().forget({{"r1"}}, clock.now())).empty());
  fs::remove_all(folder("r1") / "logs/step");
  EXPECT_EQ(listed(), Ids{"r2"}) << "nothing half-deleted is shown";
  const auto report = prune({.older_than = 240h});
  EXPECT_EQ(report.finished, 1U);
  EXPECT_FALSE(fs::exists(folder("r1")));
  EXPECT_TRUE(wait(store->retention().leftovers()).empty());
  EXPECT_EQ(prune({.older_than = 240h}).finished, 0U);
}

}  // namespace
}  // namespace agentcmd::runtime
