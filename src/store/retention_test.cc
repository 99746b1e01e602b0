#include "store/retention.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/connection.h"
#include "store/content_lock.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include <fstream>
#include <shared_mutex>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;
using namespace history;

const Time now = from_millis(1'800'000'000'000);

class RetentionTest : public testing::Test {
 protected:
  RetentionTest() : store_(loop_.open(temp_.home)) {}

  void append(const std::string& run, std::vector<Detail> details) {
    auto& seq = seq_[run];
    const auto count = details.size();
    const auto done = loop_.wait(store_->log().append(parts(part(run, seq, std::move(details)))));
    ASSERT_TRUE(done) << done.error().message;
    seq += count;
  }
  void ended_run(const std::string& run, RunCreated created_in = created()) {
    append(run, {std::move(created_in), RunStarted{}, scheduled("a"), started("a"), completed("a"),
                 RunCompleted{{"1"}}});
  }
  std::vector<Refusal> forget(std::vector<RunId> runs) {
    return loop_.wait(store_->retention().forget(std::move(runs), now));
  }
  std::vector<std::string> listed() {
    std::vector<std::string> ids;
    for (const auto& run : loop_.wait(store_->catalog().runs({}))) ids.push_back(run.id.text);
    return ids;
  }
  std::vector<Event> history_of(const std::string& run) {
    return loop_.wait(store_->log().read({run}, 0));
  }
  void make_old(const fs::path& file) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(48));
  }
  std::string needed(const std::string& run) {
    for (const auto& one : loop_.wait(store_->retention().ended(""))) {
      if (one.id.text == run) return one.needed;
    }
    return "not listed";
  }
  std::size_t blob_count() {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(temp_.home.blobs())) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }

  using Ids = std::vector<std::string>;
  TempHome temp_;
  Loop loop_;
  std::unique_ptr<Store> store_;
  std::map<std::string, std::uint64_t> seq_;
};

TEST_F(RetentionTest, AForgottenRunIsGoneFromEverythingButTheNoteAboutItsFiles) {
  ended_run("r1", created("", "/p"));
  ended_run("r2", created("", "/q"));
  loop_.wait(store_->requests().add({.run = {"r1"}, .kind = "cancel", .data = {"{}"}, .at = now}));
  EXPECT_EQ(forget({{"r1"}}), std::vector<Refusal>());
  EXPECT_EQ(listed(), Ids{"r2"});
  EXPECT_TRUE(history_of("r1").empty());
  EXPECT_TRUE(loop_.wait(store_->catalog().steps({"r1"})).empty());
  EXPECT_TRUE(loop_.wait(store_->requests().pending({"r1"})).empty());
  EXPECT_EQ(loop_.wait(store_->log().owner({"r1"})), std::nullopt);
  EXPECT_EQ(loop_.wait(store_->retention().leftovers()), (std::vector<Leftover>{{{"r1"}, "/p"}}));
  loop_.wait(store_->retention().files_removed({{"r1"}}));
  EXPECT_TRUE(loop_.wait(store_->retention().leftovers()).empty());
}

TEST_F(RetentionTest, ARunThatHasNotEndedStays) {
  append("r1", {created(), RunStarted{}, RunPaused{"asked", "later", {"{}"}}});
  const auto refused = forget({{"r1"}});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].why, "it has not ended");
  EXPECT_EQ(history_of("r1").size(), 3U);
}

TEST_F(RetentionTest, ARunStaysWhileItsChildItsForkOrItsParentLives) {
  ended_run("parent");
  auto child = created();
  child.parent = "parent";
  append("child", {child, RunStarted{}});
  ended_run("origin");
  auto fork = created();
  fork.forked_from = "origin";
  append("fork", {fork, RunStarted{}});
  append("boss", {created(), RunStarted{}});
  auto done = created();
  done.parent = "boss";
  ended_run("done", done);

  EXPECT_EQ(needed("parent"), "its child child has not ended");
  EXPECT_EQ(needed("origin"), "fork, which was made from it, has not ended");
  EXPECT_EQ(needed("done"), "its parent boss has not ended");
  EXPECT_EQ(forget({{"parent"}, {"origin"}, {"done"}}).size(), 3U);

  append("child", {RunCompleted{{"1"}}});
  append("fork", {RunCancelled{}});
  append("boss", {RunCompleted{{"1"}}});
  EXPECT_EQ(needed("parent"), "");
  EXPECT_TRUE(forget({{"parent"}, {"origin"}, {"done"}}).empty());
}

// Without it the next event would get the number of a deleted one, which the projections have
// passed: the run would never be seen.
TEST_F(RetentionTest, WhatIsRecordedAfterTheNewestRunWasForgottenIsSeen) {
  ended_run("r1");
  EXPECT_EQ(listed(), Ids{"r1"});
  EXPECT_TRUE(forget({{"r1"}}).empty());
  append("r2", {created(), RunStarted{}});
  EXPECT_EQ(listed(), Ids{"r2"});
  loop_.wait(store_->catalog().rebuild());
  EXPECT_EQ(listed(), Ids{"r2"});
  append("r2", {RunCompleted{{"1"}}});
  listed();
  EXPECT_TRUE(forget({{"r2"}}).empty());
  ended_run("r3");
  EXPECT_EQ(listed(), Ids{"r3"});
}

TEST_F(RetentionTest, TheNumberOfAForgottenRunIsNotGivenToAnother) {
  ended_run("r1");
  listed();
  EXPECT_TRUE(forget({{"r1"}}).empty());
  append("r2", {created()});
  Connection connection(temp_.home, Durability::full);
  long long number = 0;
  connection.sql() << "SELECT run FROM run_head WHERE id = 'r2'", soci::into(number);
  EXPECT_EQ(number, 2);
}

TEST_F(RetentionTest, ABlobGoesWithTheLastRunThatRefersToIt) {
  const std::string shared = '"' + std::string(8000, 's') + '"';
  const std::string own = '"' + std::string(8000, 'o') + '"';
  for (const auto* run : {"r1", "r2"}) {
    append(run, {created(), RunStarted{}, scheduled("a"), started("a"), completed("a", shared)});
  }
  append("r1", {scheduled("b"), started("b"), completed("b", own), RunCompleted{{"1"}}});
  listed();
  EXPECT_EQ(blob_count(), 2U);
  EXPECT_EQ(loop_.wait(store_->retention().sweep()).blobs, 0U);
  EXPECT_EQ(loop_.wait(store_->retention().garbage_without({{"r1"}})).blobs, 1U);
  EXPECT_EQ(blob_count(), 2U) << "only asked";
  EXPECT_TRUE(forget({{"r1"}}).empty());
  const auto swept = loop_.wait(store_->retention().sweep());
  EXPECT_EQ(swept.blobs, 1U);
  EXPECT_GT(swept.bytes, 0U);
  EXPECT_EQ(blob_count(), 1U);
  EXPECT_EQ(history_of("r2").size(), 5U) << "its blob is still there";
}

TEST_F(RetentionTest, WhatSomebodyReliesOnIsNotSwept) {
  Blobs(temp_.home.blobs()).put(std::string(5000, 'x'));
  ContentLock lock(temp_.home);
  lock.lock_shared();
  EXPECT_TRUE(loop_.wait(store_->retention().sweep()).in_use);
  EXPECT_EQ(blob_count(), 1U);
  lock.unlock_shared();
  EXPECT_EQ(loop_.wait(store_->retention().sweep()).blobs, 1U);
  EXPECT_EQ(blob_count(), 0U);
}

TEST_F(RetentionTest, ABundleGoesWhenNoRunIsPinnedToItAndNobodyWantedItForADay) {
  const std::string pinned(64, 'a'), old(64, 'b'), fresh(64, 'c');
  auto run = created();
  run.code_hash = pinned;
  append("r1", {run});
  for (const auto& name : {pinned, old, fresh}) {
    std::ofstream(temp_.home.bundles() / (name + ".json")) << "{}";
  }
  make_old(temp_.home.bundles() / (pinned + ".json"));
  make_old(temp_.home.bundles() / (old + ".json"));
  EXPECT_EQ(loop_.wait(store_->retention().sweep()).bundles, 1U);
  EXPECT_TRUE(fs::exists(temp_.home.bundles() / (pinned + ".json")));
  EXPECT_FALSE(fs::exists(temp_.home.bundles() / (old + ".json")));
  EXPECT_TRUE(fs::exists(temp_.home.bundles() / (fresh + ".json")));
}

TEST_F(RetentionTest, ASecondProcessSeesRunsGoAndComeWithoutABreak) {
  auto other = loop_.open(temp_.home);
  ended_run("r1");
  EXPECT_EQ(loop_.wait(other->catalog().runs({})).size(), 1U);
  listed();
  EXPECT_TRUE(forget({{"r1"}}).empty());
  EXPECT_TRUE(loop_.wait(other->catalog().runs({})).empty());
  ended_run("r2");
  EXPECT_EQ(loop_.wait(other->catalog().runs({})).size(), 1U);
  EXPECT_EQ(loop_.wait(other->retention().forget({{"r2"}}, now)), std::vector<Refusal>());
  EXPECT_TRUE(listed().empty());
}

TEST_F(RetentionTest, CompactGivesTheSpaceOfForgottenRunsBack) {
  const std::string text = '"' + std::string(4000, 'x') + '"';
  std::vector<Detail> details{created(), RunStarted{}};
  for (int i = 0; i < 6000; ++i) details.emplace_back(Logged{"info", "", text});
  details.emplace_back(RunCompleted{{"1"}});
  append("r1", std::move(details));
  ended_run("r2");
  listed();
  EXPECT_TRUE(forget({{"r1"}}).empty());
  const auto before = fs::file_size(temp_.home.database());
  EXPECT_GT(loop_.wait(store_->retention().compact()), 16U << 20U);
  EXPECT_LT(fs::file_size(temp_.home.database()), before / 4);
  EXPECT_EQ(listed(), Ids{"r2"});
  EXPECT_EQ(loop_.wait(store_->retention().compact()), 0U);
}

}  // namespace
}  // namespace agentcmd::store
