#include "store/history_log.h"

#include "base/fault.h"
#include "base/limits.h"
#include "store/store_fixture.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace agentcmd::store {
namespace {

using namespace history;

struct HistoryLogTest : testing::Test {
  TempHome temp;
  Loop loop;
  std::unique_ptr<Store> store = loop.open(temp.home);

  Result<void> append(std::vector<RunAppend> what) {
    return loop.wait(store->log().append(std::move(what)));
  }
  std::vector<Event> read(std::string run, std::uint64_t after = 0) {
    return loop.wait(store->log().read({std::move(run)}, after));
  }
  void reopen() {
    store.reset();
    store = loop.open(temp.home);
  }
};

ErrorCode code_of(const Result<void>& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? ErrorCode::unavailable : result.error().code;
}

std::vector<Event> operator+(std::vector<Event> all, const std::vector<Event>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_F(HistoryLogTest, EventsAreReadAsTheyWereAppended) {
  const auto first = part("r1", 0, {created("ä \"q\""), RunStarted{}, scheduled("a")});
  const auto second = part("r1", 3, {started("a"), completed("a", " {\"b\" :1.0} ")});
  ASSERT_TRUE(append(parts(first)));
  ASSERT_TRUE(append(parts(second)));
  EXPECT_EQ(read("r1"), first.events + second.events);
  EXPECT_EQ(read("r1", 3), second.events);
  EXPECT_EQ(read("r1", 5), std::vector<Event>());
  EXPECT_EQ(read("unknown"), std::vector<Event>());
  EXPECT_EQ(loop.wait(store->log().owner({"r1"})), me);
  EXPECT_EQ(loop.wait(store->log().owner({"unknown"})), std::nullopt);
  EXPECT_EQ(loop.wait(store->log().owners({{"unknown"}, {"r1"}})),
            (std::vector<std::optional<Owner>>{std::nullopt, me}));
}

TEST_F(HistoryLogTest, ALongHistoryIsReadWhole) {
  std::vector<Detail> details{created(), RunStarted{}};
  for (int i = 0; i < 1000; ++i) details.push_back(Logged{"info", "", std::to_string(i)});
  const auto all = part("r1", 0, details);
  ASSERT_TRUE(append(parts(all)));
  EXPECT_EQ(read("r1"), all.events);
}

// Appends in a process that is killed as soon as append() has returned.
void append_and_die(const Home& home, std::vector<RunAppend> what) {
  const auto child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Loop loop;
    auto store = loop.open(home);
    if (loop.wait(store->log().append(std::move(what)))) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the append failed";
}

TEST(HistoryLog, AppendReturnsOnlyWhenEventsSurviveReopening) {
  TempHome temp;
  const auto first = part("r1", 0, {created(), RunStarted{}});
  const auto second =
      part("r1", 2, {scheduled("a"), started("a"), completed("a", std::string(9000, '7'))});
  append_and_die(temp.home, parts(first));
  append_and_die(temp.home, parts(second));
  Loop loop;
  auto store = loop.open(temp.home);
  EXPECT_EQ(loop.wait(store->log().read({"r1"}, 0)), first.events + second.events);
}

TEST_F(HistoryLogTest, AnAppendBehindTheEndIsAConflict) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created(), RunStarted{}}))));
  EXPECT_EQ(code_of(append(parts(part("r1", 1, {RunStarted{}})))), ErrorCode::conflict);
  EXPECT_EQ(code_of(append(parts(part("r1", 3, {RunStarted{}})))), ErrorCode::conflict);
  EXPECT_EQ(code_of(append(parts(part("r2", 3, {RunStarted{}})))), ErrorCode::conflict);
  EXPECT_EQ(code_of(append(parts(part("r1", 0, {created()})))), ErrorCode::already_exists);
  EXPECT_EQ(read("r1").size(), 2U);
}

TEST_F(HistoryLogTest, NothingFollowsTheEndOfARun) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created(), RunCancelled{}}))));
  EXPECT_EQ(code_of(append(parts(part("r1", 2, {RunStarted{}})))), ErrorCode::conflict);
}

TEST_F(HistoryLogTest, EventsThatBreakAnInvariantAreRefusedAsABug) {
  auto gap = part("r1", 0, {created(), RunStarted{}});
  gap.events[1].seq = 3;
  EXPECT_THROW(append(parts(gap)), Bug);
  EXPECT_THROW(append(parts(part("r1", 0, {RunStarted{}}))), Bug);
  EXPECT_THROW(append(parts(part("r1", 0, {created(), RunCancelled{}, RunStarted{}}))), Bug);
  EXPECT_TRUE(append(parts(part("r1", 0, {created()}))));
}

TEST_F(HistoryLogTest, AllPartsAreWrittenOrNone) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  EXPECT_EQ(code_of(append(parts(part("r2", 0, {created()}), part("r1", 7, {RunStarted{}})))),
            ErrorCode::conflict);
  EXPECT_EQ(read("r2"), std::vector<Event>());
  EXPECT_TRUE(append(parts(part("r2", 0, {created()}), part("r1", 1, {RunStarted{}}))));
  EXPECT_EQ(read("r1").size(), 2U);
  EXPECT_EQ(read("r2").size(), 1U);
}

TEST_F(HistoryLogTest, PartsOfOneRunFollowEachOther) {
  EXPECT_TRUE(append(parts(part("r1", 0, {created()}), part("r1", 1, {RunStarted{}}))));
  EXPECT_EQ(read("r1").size(), 2U);
}

TEST_F(HistoryLogTest, ATakeoverFencesTheFormerOwner) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  const auto taken = loop.wait(store->log().take_over({"r1"}, me, "d2"));
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, (Owner{"d2", 2}));
  EXPECT_EQ(code_of(append(parts(part("r1", 1, {RunStarted{}})))), ErrorCode::conflict);
  const auto again = loop.wait(store->log().take_over({"r1"}, me, "d3"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  auto mine = part("r1", 1, {RunStarted{}});
  mine.owner = *taken;
  EXPECT_TRUE(append(parts(mine)));
  reopen();
  EXPECT_EQ(loop.wait(store->log().owner({"r1"})), *taken);
}

TEST_F(HistoryLogTest, ADriverThatLostARunIsFencedUnderItsOwnNameToo) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  ASSERT_TRUE(loop.wait(store->log().take_over({"r1"}, me, me.driver)));
  EXPECT_EQ(code_of(append(parts(part("r1", 1, {RunStarted{}})))), ErrorCode::conflict);
}

TEST_F(HistoryLogTest, ATakeoverByAnotherProcessIsSeenByWhoRemembersTheRun) {
  using namespace boost::asio::experimental::awaitable_operators;
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}), part("r2", 0, {created()}))));
  auto other = loop.open(temp.home);
  const auto taken = loop.wait(other->log().take_over({"r1"}, me, "d2"));
  ASSERT_TRUE(taken);
  auto theirs = part("r1", 1, {RunStarted{}});
  theirs.owner = *taken;
  ASSERT_TRUE(loop.wait(other->log().append(parts(theirs))));

  auto both = store->log().append(parts(part("r1", 1, {RunStarted{}}))) &&
              store->log().append(parts(part("r2", 1, {RunStarted{}})));
  const auto [lost, kept] = loop.wait(std::move(both));
  EXPECT_EQ(code_of(lost), ErrorCode::conflict);
  EXPECT_TRUE(kept);
  const auto back = loop.wait(store->log().take_over({"r1"}, *taken, me.driver));
  ASSERT_TRUE(back);
  auto mine = part("r1", 2, {RunCancelled{}});
  mine.owner = *back;
  EXPECT_TRUE(append(parts(mine)));
  EXPECT_EQ(read("r1").size(), 3U);
  EXPECT_EQ(read("r2").size(), 2U);
}

TEST_F(HistoryLogTest, WhoGetsARunBackMayAppendWhateverWasRemembered) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  auto other = loop.open(temp.home);
  const auto taken = loop.wait(other->log().take_over({"r1"}, me, "d2"));
  ASSERT_TRUE(taken);
  auto mine = part("r1", 1, {RunStarted{}});
  mine.owner = *taken;  // as their driver, which is a store of its own here
  EXPECT_TRUE(append(parts(mine)));
  EXPECT_EQ(code_of(append(parts(part("r1", 2, {RunCancelled{}})))), ErrorCode::conflict);
}

TEST_F(HistoryLogTest, OneConflictDoesNotFailTheOthersOfItsCommit) {
  using namespace boost::asio::experimental::awaitable_operators;
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  auto& log = store->log();
  auto all = log.append(parts(part("r2", 0, {created()}))) &&
             log.append(parts(part("r1", 5, {RunStarted{}}))) &&
             log.append(parts(part("r3", 0, {created()})));
  const auto [second, first, third] = loop.wait(std::move(all));
  EXPECT_TRUE(second);
  EXPECT_EQ(code_of(first), ErrorCode::conflict);
  EXPECT_TRUE(third);
  EXPECT_EQ(read("r3").size(), 1U);
}

Task<> append_to_own_run(HistoryLog& log, std::string run, std::uint64_t events) {
  AGENTCMD_CHECK(co_await log.append(parts(part(run, 0, {created()}))), "create {}", run);
  for (std::uint64_t seq = 1; seq < events; ++seq) {
    auto next = parts(part(run, seq, {Logged{"info", "", "x"}}));
    AGENTCMD_CHECK(co_await log.append(std::move(next)), "append {} to {}", seq, run);
  }
}

TEST_F(HistoryLogTest, ManyRunsAppendAtOnce) {
  constexpr int runs = 100;
  constexpr std::uint64_t events = 10;
  std::vector<std::future<void>> all;
  for (int i = 0; i < runs; ++i) {
    all.push_back(boost::asio::co_spawn(
        loop.io, append_to_own_run(store->log(), "r" + std::to_string(i), events),
        boost::asio::use_future));
  }
  loop.io.restart();
  loop.io.run();
  for (auto& one : all) one.get();
  for (int i = 0; i < runs; ++i) EXPECT_EQ(read("r" + std::to_string(i)).size(), events);
}

std::filesystem::path only_blob(const Home& home) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home.blobs())) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  EXPECT_EQ(files.size(), 1U);
  return files.empty() ? std::filesystem::path() : files.front();
}

std::string quoted(std::size_t bytes) {
  return '"' + std::string(bytes, 'x') + '"';
}

TEST_F(HistoryLogTest, ALargePayloadIsKeptOnceOutsideTheDatabase) {
  const auto large = quoted(limits::inline_payload_max);
  const auto all = part("r1", 0,
                        {created(), RunStarted{}, scheduled("a"), scheduled("b"), started("a"),
                         started("b"), completed("a", large), completed("b", large)});
  ASSERT_TRUE(append(parts(all)));
  EXPECT_EQ(std::filesystem::file_size(only_blob(temp.home)), large.size());
  EXPECT_EQ(read("r1"), all.events);
}

TEST_F(HistoryLogTest, ADamagedBlobIsAFaultThatNamesRunAndEvent) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created(), RunCompleted{{quoted(9000)}}}))));
  std::ofstream(only_blob(temp.home), std::ios::in | std::ios::out) << "damaged";
  try {
    read("r1");
    FAIL() << "the damage was not seen";
  } catch (const Fault& fault) {
    EXPECT_NE(std::string(fault.what()).find("run r1, event 2 (RunCompleted): "), std::string::npos)
        << fault.what();
  }
  EXPECT_EQ(loop.wait(store->catalog().runs({})).size(), 1U) << "it hides no run";
}

TEST_F(HistoryLogTest, AfterStopEverythingIsThereAndCallsFault) {
  ASSERT_TRUE(append(parts(part("r1", 0, {created()}))));
  loop.wait(store->log().stop());
  EXPECT_THROW(append(parts(part("r1", 1, {RunStarted{}}))), Fault);
  reopen();
  EXPECT_EQ(read("r1").size(), 1U);
}

TEST_F(HistoryLogTest, RequestsAreKeptUntilTheyAreDone) {
  auto& requests = store->requests();
  Request cancel{.run = {"r1"}, .kind = "cancel", .data = {R"({"by":"me"})"}, .at = from_millis(5)};
  cancel.id = loop.wait(requests.add(cancel));
  auto pause = cancel;
  pause.kind = "pause";
  pause.id = loop.wait(requests.add(pause));
  loop.wait(requests.add({.run = {"r2"}, .kind = "cancel", .data = {"{}"}}));
  reopen();
  auto& reopened = store->requests();
  auto pending = loop.wait(reopened.pending({"r1"}));
  ASSERT_EQ(pending.size(), 2U);
  EXPECT_EQ(pending[0].id, cancel.id);
  EXPECT_EQ(pending[0].kind, "cancel");
  EXPECT_EQ(pending[0].data, cancel.data);
  EXPECT_EQ(pending[0].at, cancel.at);
  loop.wait(reopened.done(cancel.id));
  pending = loop.wait(reopened.pending({"r1"}));
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].kind, "pause");
}

}  // namespace
}  // namespace agentcmd::store
