#include "store/catalog.h"

#include "base/fault.h"
#include "base/random.h"
#include "history/history.h"
#include "store/connection.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <soci/soci.h>

#include <set>

namespace agentcmd::store {
namespace {

using namespace history;

struct CatalogTest : testing::Test {
  TempHome temp;
  Loop loop;
  std::unique_ptr<Store> store = loop.open(temp.home);
  std::map<std::string, std::uint64_t> seqs;

  void append(const std::string& run, std::vector<Detail> details) {
    auto& seq = seqs[run];
    const auto count = details.size();
    const auto done = loop.wait(store->log().append(parts(part(run, seq, std::move(details)))));
    ASSERT_TRUE(done) << done.error().message;
    seq += count;
  }
  std::vector<RunRow> runs(RunFilter filter = {}) {
    return loop.wait(store->catalog().runs(std::move(filter)));
  }
  RunRow run(std::string id) {
    auto found = loop.wait(store->catalog().find_run(std::move(id)));
    return found ? *found : RunRow{};
  }
  RunStatus status_after(std::vector<Detail> details) {
    append("r1", std::move(details));
    return run("r1").status;
  }
  std::vector<StepRow> steps(std::string id) {
    return loop.wait(store->catalog().steps({std::move(id)}));
  }
  std::vector<std::string> ids(RunFilter filter = {}) {
    std::vector<std::string> out;
    for (const auto& row : runs(std::move(filter))) out.push_back(row.id.text);
    return out;
  }
};

using Ids = std::vector<std::string>;

TEST_F(CatalogTest, AReaderSeesWhatWasCommittedBeforeItsCall) {
  append("r1", {created("first")});
  EXPECT_EQ(ids(), Ids{"r1"});
  append("r2", {created("second")});
  EXPECT_EQ(ids(), (Ids{"r2", "r1"}));
}

TEST_F(CatalogTest, ARowSaysWhatTheHistoryDoes) {
  append("r1", {created("My run"), RunStarted{}, PhaseStarted{"a", "A"}, PhaseStarted{"a/b", "B"}});
  auto row = run("r1");
  EXPECT_EQ(row.name, "My run");
  EXPECT_EQ(row.definition, "d");
  EXPECT_EQ(row.file, "d.ts");
  EXPECT_EQ(row.project, "/p");
  EXPECT_EQ(row.code_hash, "c0de");
  EXPECT_EQ(row.driver, me.driver);
  EXPECT_EQ(row.term, 1U);
  EXPECT_EQ(row.phase, "a/b");
  EXPECT_EQ(row.request, created().request);
  EXPECT_EQ(row.result.text, "");
  EXPECT_EQ(row.created_at, from_millis(1'790'000'000'000 + 1000));
  EXPECT_EQ(row.started_at, from_millis(1'790'000'000'000 + 2000));
  EXPECT_EQ(row.ended_at, std::nullopt);
  EXPECT_EQ(row.events, 4U);

  append("r1", {PhaseCompleted{"a/b"},
                RunUpdated{{R"({"branch":"b","worktree":"/w","pr_url":"http://x"})"}},
                RunUpdated{{R"({"other":1})"}}});
  row = run("r1");
  EXPECT_EQ(row.phase, "a");
  EXPECT_EQ(row.branch, "b");
  EXPECT_EQ(row.working_dir, "/w");
  EXPECT_EQ(row.pr_url, "http://x");

  append("r1", {RunCompleted{{R"({"ok":true})"}}});
  row = run("r1");
  EXPECT_EQ(row.result.text, R"({"ok":true})");
  EXPECT_EQ(row.ended_at, from_millis(1'790'000'000'000 + 8000));
}

TEST_F(CatalogTest, TheStatusOfARunFollowsItsHistory) {
  EXPECT_EQ(status_after({created()}), RunStatus::queued);
  EXPECT_EQ(status_after({RunStarted{}}), RunStatus::running) << "its code runs";
  EXPECT_EQ(status_after({TimerStarted{.key = {"t"}}}), RunStatus::waiting);
  EXPECT_EQ(status_after({scheduled("a")}), RunStatus::running);
  EXPECT_EQ(status_after({started("a")}), RunStatus::running);
  EXPECT_EQ(status_after({StepFailed{
                .key = {"a"}, .failure = {.name = "Error", .message = "no"}, .retry = true}}),
            RunStatus::waiting);
  EXPECT_EQ(status_after({RunPaused{"asked", "paused by me", {"{}"}}}), RunStatus::paused);
  EXPECT_EQ(run("r1").reason, "paused by me");
  EXPECT_EQ(status_after({started("a", 2)}), RunStatus::paused) << "what runs may end";
  EXPECT_EQ(status_after({RunResumed{"me", "c0de2"}}), RunStatus::running);
  EXPECT_EQ(run("r1").reason, "");
  EXPECT_EQ(run("r1").code_hash, "c0de2");
  EXPECT_EQ(status_after({completed("a"), TimerFired{{"t"}}}), RunStatus::running);
  EXPECT_EQ(status_after(
                {RunFailed{{.name = "TypeError", .message = "x is\nnot", .stack = "at a.ts:1"}}}),
            RunStatus::failed);
  EXPECT_EQ(run("r1").reason, "TypeError: x is");
}

TEST_F(CatalogTest, ACancelledRunSaysByWhom) {
  EXPECT_EQ(status_after({created(), RunStarted{}, RunCancelRequested{"Ctrl-C"}, RunCancelled{}}),
            RunStatus::cancelled);
  EXPECT_EQ(run("r1").reason, "cancelled by Ctrl-C");
}

TEST_F(CatalogTest, StepsAreListedInTheOrderTheyWereScheduled) {
  append("r1", {created(), RunStarted{}, scheduled("z"), scheduled("a"),
                TimerStarted{.key = {"t"}, .name = "nap", .phase = "p"}, started("a"),
                StepCompleted{.key = {"a"}, .success = false, .output = {"1"}}, started("z"),
                StepFailed{.key = {"z"},
                           .failure = {.name = "Error", .message = "first\nline"},
                           .retry = true}});
  auto all = steps("r1");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].key.text, "z");
  EXPECT_EQ(all[0].status, StepStatus::waiting);
  EXPECT_EQ(all[0].error, "first");
  EXPECT_EQ(all[1].key.text, "a");
  EXPECT_EQ(all[1].status, StepStatus::completed);
  EXPECT_FALSE(all[1].success);
  EXPECT_EQ(all[1].scheduled_at, from_millis(1'790'000'000'000 + 4000));
  EXPECT_EQ(all[1].started_at, from_millis(1'790'000'000'000 + 6000));
  EXPECT_EQ(all[1].ended_at, from_millis(1'790'000'000'000 + 7000));
  EXPECT_EQ(all[2].type, "sleep");
  EXPECT_EQ(all[2].name, "nap");
  EXPECT_EQ(all[2].status, StepStatus::waiting);

  append("r1", {started("z", 2), StepLost{{"z"}, 2, "no exit.json", "ask"}});
  all = steps("r1");
  EXPECT_EQ(all[0].status, StepStatus::lost);
  EXPECT_EQ(all[0].attempts, 2U);
  EXPECT_EQ(all[0].error, "no exit.json");
  EXPECT_EQ(all[0].started_at, from_millis(1'790'000'000'000 + 8000)) << "of the first attempt";
  EXPECT_EQ(all[0].ended_at, std::nullopt);
  EXPECT_EQ(steps("unknown"), std::vector<StepRow>());
}

TEST_F(CatalogTest, RunsAreFilteredAndPaged) {
  append("r1", {created("", "/p")});
  append("r2", {created("", "/q")});
  append("r3", {created("", "/p"), RunStarted{}});
  append("r4", {created("", "/p"), RunCancelled{}});
  EXPECT_EQ(ids({.project = "/p"}), (Ids{"r4", "r3", "r1"}));
  EXPECT_EQ(ids({.status = RunStatus::queued}), (Ids{"r2", "r1"}));
  EXPECT_EQ(ids({.limit = 2}), (Ids{"r4", "r3"}));
  EXPECT_EQ(ids({.limit = 2, .before = "r3"}), (Ids{"r2", "r1"}));
  EXPECT_EQ(ids({.project = "/p", .status = RunStatus::running, .before = "r4"}), Ids{"r3"});
}

TEST_F(CatalogTest, UnfinishedRunsAreThoseWithoutAnEnd) {
  append("r1", {created()});
  append("r2", {created(), RunStarted{}, RunCompleted{{"1"}}});
  append("r3", {created(), RunStarted{}, RunPaused{"asked", "", {}}});
  append("r4", {created(), RunCancelled{}});
  Ids open;
  for (const auto& row : loop.wait(store->catalog().unfinished())) open.push_back(row.id.text);
  EXPECT_EQ(open, (Ids{"r3", "r1"}));
}

TEST_F(CatalogTest, AnIdMayBeShortenedToAUniquePrefix) {
  append("rab1", {created("first")});
  append("rab2", {created("second")});
  append("rc", {created()});
  append("rcd", {created()});
  const auto find = [&](std::string id) {
    return loop.wait(store->catalog().find_run(std::move(id)));
  };
  EXPECT_EQ(find("rab2")->id.text, "rab2");
  EXPECT_EQ(find("rcd")->id.text, "rcd");
  EXPECT_EQ(find("rc")->id.text, "rc") << "the whole id wins over longer ones";
  const auto several = find("ra");
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(several.error().message.find("rab1 (first), rab2 (second)"), std::string::npos)
      << several.error().message;
  for (const std::string unknown : {"x", "rab3", "", "%", "r' OR 1"}) {
    const auto none = find(unknown);
    ASSERT_FALSE(none) << unknown;
    EXPECT_EQ(none.error().code, ErrorCode::not_found);
  }
}

TEST_F(CatalogTest, TheOwnerIsTheCurrentOne) {
  append("r1", {created()});
  ASSERT_TRUE(loop.wait(store->log().take_over({"r1"}, me, "d2")));
  EXPECT_EQ(run("r1").driver, "d2");
  EXPECT_EQ(run("r1").term, 2U);
}

// Random but lawful events for several runs.
class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed) {}

  std::pair<std::string, std::vector<Detail>> next() {
    const auto run = "r" + std::to_string(random_.next() % 6);
    auto& state = runs_[run];
    std::vector<Detail> details;
    if (!state.created) details.push_back(created(run));
    state.created = true;
    if (state.ended) return {run, {}};
    for (auto n = 1 + random_.next() % 4; n > 0 && !state.ended; --n) details.push_back(one(state));
    return {run, std::move(details)};
  }

 private:
  struct State {
    bool created = false;
    bool ended = false;
    int scheduled = 0;
    std::set<std::string> open;
  };

  Detail one(State& state) {
    const auto dice = random_.next() % 40;
    if (dice == 0) {
      state.ended = true;
      return random_.next() % 2 == 0 ? Detail(RunCompleted{{"2"}})
                                     : Detail(RunFailed{{.name = "E", .message = "m"}});
    }
    if (dice < 3) return RunStarted{};
    if (dice < 5) return RunPaused{"asked", "p", {"{}"}};
    if (dice < 7) return RunResumed{"me", "c" + std::to_string(dice)};
    if (dice < 10) return RunUpdated{{R"({"branch":")" + std::to_string(dice) + R"("})"}};
    if (dice < 12) return PhaseStarted{"p" + std::to_string(dice), ""};
    if (dice < 20 || state.open.empty()) {
      const auto key = "s" + std::to_string(++state.scheduled);
      state.open.insert(key);
      return scheduled(key);
    }
    const auto key = *state.open.begin();
    if (dice < 26) return started(key);
    if (dice < 30) {
      return StepFailed{.key = {key}, .failure = {.name = "E", .message = "m"}, .retry = true};
    }
    state.open.erase(key);
    return dice < 34 ? Detail(completed(key)) : Detail(StepCancelled{{key}});
  }

  SeededRandom random_;
  std::map<std::string, State> runs_;
};

TEST_F(CatalogTest, ProjectionsEqualThoseMadeAgain) {
  Story story(20260301);
  for (int i = 0; i < 300; ++i) {
    auto [id, details] = story.next();
    if (details.empty()) continue;
    append(id, std::move(details));
    if (i % 37 == 0) runs();  // so that batches begin anywhere
  }
  const auto before = runs({.limit = 100});
  std::map<std::string, std::vector<StepRow>> steps_before;
  for (const auto& row : before) steps_before[row.id.text] = steps(row.id.text);
  EXPECT_GT(before.size(), 3U);

  loop.wait(store->catalog().rebuild());
  EXPECT_EQ(runs({.limit = 100}), before);
  for (const auto& row : before) EXPECT_EQ(steps(row.id.text), steps_before[row.id.text]);
}

TEST_F(CatalogTest, MoreEventsThan32BitsCountAreTold) {
  {
    Connection connection(temp.home, Durability::full);
    connection.sql() << "INSERT INTO history(id, run, seq, kind, at, flags, fields) "
                        "VALUES(5000000000, 0, 1, 'RunStarted', 0, 0, '{}')";
    connection.sql() << "UPDATE projected SET history_id = 5000000000";
  }
  append("r1", {created("one"), RunStarted{}});
  EXPECT_EQ(run("r1").status, RunStatus::running);
  append("r1", {RunCompleted{{"2"}}});
  EXPECT_EQ(run("r1").status, RunStatus::completed);
  EXPECT_EQ(run("r1").request, created().request);
  EXPECT_EQ(run("r1").result.text, "2");
}

TEST_F(CatalogTest, AnotherProcessSeesTheSame) {
  append("r1", {created("one")});
  auto other = loop.open(temp.home);
  EXPECT_EQ(loop.wait(other->catalog().runs({})), runs());
  append("r1", {RunStarted{}});
  EXPECT_EQ(loop.wait(other->catalog().runs({})).front().status, RunStatus::running);
}

TEST_F(CatalogTest, ARunKnowsItsForksAndTheyKnowIt) {
  append("r1", {created("first")});
  for (const std::string id : {"r2", "r3"}) {
    auto fork = created(id);
    fork.origin = id == "r2" ? "fork" : "retry";
    fork.forked_from = "r1";
    fork.forked_at = "a/b";
    append(id, {fork});
  }
  append("r4", {created("another")});
  const auto forks = loop.wait(store->catalog().forks({"r1"}));
  ASSERT_EQ(forks.size(), 2U);
  EXPECT_EQ(forks[0].id.text, "r2");
  EXPECT_EQ(forks[1].origin, "retry");
  EXPECT_EQ(run("r3").forked_from, "r1");
  EXPECT_EQ(run("r3").forked_at, "a/b");
  EXPECT_EQ(run("r4").forked_from, "");
  EXPECT_TRUE(loop.wait(store->catalog().forks({"r4"})).empty());
}

}  // namespace
}  // namespace agentcmd::store
