#include "store/verify.h"

#include "base/fault.h"
#include "store/blobs.h"
#include "store/connection.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include <fstream>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;
using namespace history;

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    auto store = loop_.open(temp_.home);
    const auto big = '"' + std::string(9000, 'p') + '"';
    for (const auto* run : {"r1", "r2"}) {
      EXPECT_TRUE(loop_.wait(
          store->log().append(parts(part(run, 0,
                                         {created(), RunStarted{}, scheduled("a"), started("a"),
                                          completed("a", big), TimerStarted{.key = {"t"}}})))));
    }
    EXPECT_TRUE(loop_.wait(
        store->log().append(parts(part("r2", 6, {TimerFired{{"t"}}, RunCompleted{{"1"}}})))));
    loop_.wait(store->catalog().runs({}));
  }

  Verified verified(const Fold& fold = [](const std::vector<Event>&) {}) {
    return verify_store(temp_.home, fold);
  }
  void change(const std::string& sql) { Connection(temp_.home, Durability::full).sql() << sql; }
  // The only finding.
  Finding found() {
    const auto all = verified().findings;
    EXPECT_EQ(all.size(), 1U);
    for (const auto& one : all) {
      EXPECT_FALSE(one.meaning.empty()) << one.what;
    }
    return all.empty() ? Finding{} : all.front();
  }
  fs::path blob_file() {
    for (const auto& entry : fs::recursive_directory_iterator(temp_.home.blobs())) {
      if (entry.is_regular_file()) return entry.path();
    }
    return {};
  }

  TempHome temp_;
  Loop loop_;
};

TEST_F(VerifyTest, AHealthyStoreHasNoFindings) {
  const auto all = verified();
  EXPECT_TRUE(all.findings.empty()) << all.findings.front().what;
  EXPECT_TRUE(all.is_readable);
  EXPECT_EQ(all.events, 14U);
  EXPECT_EQ(all.blobs, 1U);
  ASSERT_EQ(all.runs.size(), 2U);
  EXPECT_EQ(all.runs[0].code_hash, "c0de");
  EXPECT_EQ(all.runs[0].project, "/p");
  EXPECT_FALSE(all.runs[0].ended);
  EXPECT_TRUE(all.runs[1].ended);
}

TEST_F(VerifyTest, AHomeWithoutADatabaseIsNoProblem) {
  TempHome other;
  const auto all = verify_store(other.home, {});
  ASSERT_EQ(all.findings.size(), 1U);
  EXPECT_EQ(all.findings[0].severity, Severity::note);
  EXPECT_FALSE(fs::exists(other.home.database())) << "it makes none";
}

TEST_F(VerifyTest, ProjectionsThatDifferFromTheHistoryAreFoundAndARebuildMendsThem) {
  for (const auto* sql :
       {"UPDATE runs SET status = 'failed' WHERE run = 1", "UPDATE steps SET attempts = 7",
        "DELETE FROM steps WHERE run = 2", "DELETE FROM runs WHERE run = 2",
        "INSERT INTO steps(run, key, position, type, name, phase, status, attempts, success, "
        "error, "
        "scheduled_at) SELECT 99, key, position, type, name, phase, status, attempts, success, "
        "error, scheduled_at FROM steps WHERE run = 1"}) {
    change(sql);
    EXPECT_EQ(found().check, "projections") << sql;
    EXPECT_TRUE(verified().projections_differ) << sql;
    loop_.wait(loop_.open(temp_.home)->catalog().rebuild());
    EXPECT_TRUE(verified().findings.empty()) << sql;
  }
}

TEST_F(VerifyTest, ProjectionsThatAreOnlyBehindAreFine) {
  change("UPDATE projected SET history_id = 6");
  change("DELETE FROM runs WHERE run = 2");
  change("DELETE FROM steps WHERE run = 2");
  const auto all = verified();
  EXPECT_TRUE(all.findings.empty());
  EXPECT_EQ(all.runs[1].code_hash, "c0de") << "what a run needs is what its history says";
  EXPECT_EQ(all.runs[1].project, "/p");
}

TEST_F(VerifyTest, DamagedHistoriesAreFoundByWhatIsWrongWithThem) {
  const std::vector<std::pair<std::string, std::string>> damages{
      {"DELETE FROM history WHERE run = 1 AND seq = 3", "run r1"},
      {"UPDATE history SET fields = '{' WHERE run = 1 AND seq = 3", "event 3"},
      {"UPDATE history SET kind = 'Later' WHERE run = 1 AND seq = 3", "Later"},
      {"UPDATE run_head SET seq = 9 WHERE run = 1", "has 6 events and should have 9"},
      {"UPDATE run_head SET ended = 1 WHERE run = 1", "should have ended"},
      {"UPDATE run_head SET ended = 0 WHERE run = 2", "has ended, and is not known to have"}};
  for (const auto& [sql, text] : damages) {
    TempHome copy;
    fs::remove_all(copy.home.root);
    fs::copy(temp_.home.root, copy.home.root, fs::copy_options::recursive);
    Connection(copy.home, Durability::full).sql() << sql;
    const auto all = verify_store(copy.home, [](const std::vector<Event>&) {});
    const auto problem = std::ranges::find(all.findings, "history", &Finding::check);
    ASSERT_NE(problem, all.findings.end()) << sql;
    EXPECT_TRUE(problem->what.contains(text)) << problem->what;
    EXPECT_FALSE(problem->action.empty());
  }
}

TEST_F(VerifyTest, WhatTheEngineCannotFoldIsFound) {
  const auto all = verified([](const std::vector<Event>& events) {
    if (events.size() == 6) throw Fault("cannot follow");
  });
  ASSERT_EQ(all.findings.size(), 1U);
  EXPECT_EQ(all.findings[0].what, "run r1: cannot follow");
}

TEST_F(VerifyTest, ADamagedBlobAndAMissingOneAreNamedWithTheRunsThatNeedThem) {
  std::ofstream(blob_file()) << "other";
  auto all = verified();
  ASSERT_EQ(all.findings.size(), 2U) << "both runs refer to it";
  EXPECT_TRUE(all.findings[0].what.contains("run r1, event 5 (StepCompleted)"))
      << all.findings[0].what;
  EXPECT_TRUE(all.findings[0].what.contains("damaged"));
  fs::remove(blob_file());
  all = verified();
  ASSERT_EQ(all.findings.size(), 2U);
  EXPECT_TRUE(all.findings[1].what.contains("missing")) << all.findings[1].what;
}

TEST_F(VerifyTest, ABlobThatNothingRefersToIsANote) {
  Blobs(temp_.home.blobs()).put("left behind");
  EXPECT_EQ(found().severity, Severity::note);
  EXPECT_EQ(verified().garbage.blobs, 1U);
}

TEST_F(VerifyTest, ATruncatedDatabaseIsAFinding) {
  Connection(temp_.home, Durability::full).sql() << "PRAGMA wal_checkpoint(TRUNCATE)";
  fs::resize_file(temp_.home.database(), fs::file_size(temp_.home.database()) - 20'000);
  const auto all = verified();
  EXPECT_FALSE(all.is_readable);
  ASSERT_FALSE(all.findings.empty());
  EXPECT_EQ(all.findings[0].check, "database");
  EXPECT_TRUE(all.findings[0].action.contains("restore")) << all.findings[0].action;
}

TEST_F(VerifyTest, ADatabaseOfANewerVersionAndOneOfAnotherProgramAreFindings) {
  change("INSERT INTO schema_version VALUES(1000, '9.8.7', 0)");
  EXPECT_TRUE(found().what.contains("newer agentcmd (9.8.7)"));
  std::ofstream(temp_.home.database()) << std::string(8192, 'x');
  EXPECT_EQ(found().check, "database");
}

TEST_F(VerifyTest, NothingIsChanged) {
  change("UPDATE steps SET attempts = 7");
  Connection(temp_.home, Durability::full).sql() << "PRAGMA wal_checkpoint(TRUNCATE)";
  const auto time = fs::last_write_time(temp_.home.database());
  EXPECT_FALSE(verified().findings.empty());
  EXPECT_EQ(fs::last_write_time(temp_.home.database()), time);
}

}  // namespace
}  // namespace agentcmd::store
