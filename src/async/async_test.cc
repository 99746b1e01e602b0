#include "async/alarm.h"
#include "async/blocking.h"
#include "async/deadline.h"
#include "async/task_group.h"
#include "async/wakeup.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace agentcmd {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

template <typename T>
T wait(asio::io_context& io, Task<T> task) {
  auto future = asio::co_spawn(io, std::move(task), asio::use_future);
  io.restart();
  io.run();
  return future.get();
}

Task<int> answer() {
  co_return 42;
}

Task<> wait_for_ever(Wakeup& wakeup) {
  while (true) co_await wakeup.wait();
}

TEST(TaskGroup, CancelAndJoinEndEveryTask) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  Wakeup never(io.get_executor());
  group.spawn("first", wait_for_ever(never));
  group.spawn("second", wait_for_ever(never));
  io.poll();
  EXPECT_EQ(group.size(), 2U);
  group.cancel();
  wait(io, group.join());
  EXPECT_EQ(group.size(), 0U);
}

Task<> throw_fault() {
  throw std::runtime_error("broken");
  co_return;
}

// Asio itself tells only a task that has begun.
TEST(TaskGroup, ATaskThatIsCancelledBeforeItBeginsNeverRuns) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  bool ran = false;
  group.spawn("never", [](bool& it) -> Task<> {
    it = true;
    co_return;
  }(ran));
  group.cancel();
  io.run();
  EXPECT_FALSE(ran);
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroup, ATaskThatThrowsDisturbsNoOther) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  group.spawn("broken", throw_fault());
  wait(io, group.join());
  EXPECT_EQ(group.size(), 0U);
}

Task<int> never_ends() {
  co_await sleep_until(deadline_in(1h));
  co_return 1;
}

TEST(Deadline, CutsATaskThatTakesTooLong) {
  asio::io_context io;
  EXPECT_EQ(wait(io, before(deadline_in(1ms), never_ends())), std::nullopt);
  EXPECT_EQ(wait(io, before(deadline_in(1h), answer())), 42);
}

Task<bool> on_other_thread(BlockingPool& pool, std::thread::id loop) {
  const auto worker = co_await pool.run([] { return std::this_thread::get_id(); });
  co_return worker != loop&& std::this_thread::get_id() == loop;
}

Task<int> refuse() {
  throw std::runtime_error("refused");
  co_return 0;
}

TEST(Deadline, WhatTheTaskThrowsIsThrownAtOnce) {
  asio::io_context io;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(wait(io, before(deadline_in(1h), refuse())), std::runtime_error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1min);
}

TEST(BlockingPool, RunsElsewhereAndComesBack) {
  asio::io_context io;
  BlockingPool pool(1);
  EXPECT_TRUE(wait(io, on_other_thread(pool, std::this_thread::get_id())));
}

TEST(Alarm, RingsOnceWhenItsTimeHasCome) {
  asio::io_context io;
  const auto alarm = make_alarm(io.get_executor());
  int rings = 0;
  alarm->set(1h, [&rings] { rings += 100; });
  alarm->set(1ms, [&rings] { ++rings; });
  io.run();
  EXPECT_EQ(rings, 1);
}

// Both are due at once, so that the call of the second is on its way when the first rings.
TEST(Alarm, StaysSilentWhenItIsCancelledAlthoughItsTimeHasCome) {
  asio::io_context io;
  const auto one = make_alarm(io.get_executor());
  const auto other = make_alarm(io.get_executor());
  int rings = 0;
  const auto ring = [&] {
    ++rings;
    one->cancel();
    other->cancel();
  };
  one->set(0ms, ring);
  other->set(0ms, ring);
  io.run();
  EXPECT_EQ(rings, 1);
}

Task<> throwing_work(BlockingPool& pool) {
  co_await pool.run([] { throw std::runtime_error("from the pool"); });
}

TEST(BlockingPool, ExceptionsComeBackToTheCaller) {
  asio::io_context io;
  BlockingPool pool(1);
  EXPECT_THROW(wait(io, throwing_work(pool)), std::runtime_error);
}

}  // namespace
}  // namespace agentcmd
