#include "simulation/world.h"

#include "async/wakeup.h"

#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace agentcmd::simulation {
namespace {

constexpr int posts_per_step = 32;  // more than there are

constexpr std::size_t lines_max = 4000;
constexpr std::int64_t wall_start = 1'700'000'000'000;

}  // namespace

World::World(std::uint64_t seed, bool keep_trace)
    : work_(boost::asio::make_work_guard(io_)),
      random_(seed),
      keep_trace_(keep_trace),
      wall_start_(from_millis(wall_start)),
      latest_wall_(wall_start_) {}

std::uint64_t World::below(std::uint64_t bound) {
  return random_.next() % bound;
}

std::uint64_t World::between(std::uint64_t least, std::uint64_t most) {
  return least + below(most - least + 1);
}

bool World::chance(unsigned permille) {
  return below(1000) < permille;
}

Milliseconds World::some_time() {
  const auto kind = below(20);
  if (kind < 6) return Milliseconds(0);
  if (kind < 16) return Milliseconds(between(1, 20));
  if (kind < 19) return Milliseconds(between(20, 1000));
  return Milliseconds(between(1000, 20'000));
}

void World::note_wall() {
  latest_wall_ = std::max(latest_wall_, wall());
}

void World::set_wall_clock(Milliseconds shift) {
  wall_shift_ += shift;
  trace("the wall clock is set by {} ms", shift.count());
  note_wall();
}

World::EventId World::after(Milliseconds delay, std::function<void()> what) {
  const auto id = ++last_event_;
  const auto at = elapsed_ + std::max(delay, Milliseconds(0));
  due_.emplace(at, id);
  events_.emplace(id, std::pair(at, std::move(what)));
  return id;
}

void World::cancel(EventId event) {
  const auto found = events_.find(event);
  if (found == events_.end()) return;
  auto [first, last] = due_.equal_range(found->second.first);
  for (; first != last; ++first) {
    if (first->second != event) continue;
    due_.erase(first);
    break;
  }
  events_.erase(found);
}

Task<> World::pass(Milliseconds delay) {
  struct Passed {
    explicit Passed(const boost::asio::any_io_executor& executor) : wakeup(executor) {}
    Wakeup wakeup;
    bool over = false;
  };
  const auto passed = std::make_shared<Passed>(executor());
  after(delay, [passed] {
    passed->over = true;
    passed->wakeup.notify();
  });
  while (!passed->over) co_await passed->wakeup.wait();
}

// Of those that are due at the earliest moment, one that chance picks.
bool World::fire_due_event() {
  if (due_.empty()) return false;
  const auto at = due_.begin()->first;
  const auto count = due_.count(at);
  auto chosen = due_.begin();
  if (count > 1) std::advance(chosen, static_cast<std::ptrdiff_t>(below(count)));
  const auto event = events_.extract(chosen->second);
  due_.erase(chosen);
  if (at > elapsed_) {
    elapsed_ = at;
    note_wall();
  }
  event.mapped().second();
  return true;
}

void World::within_loop(const std::function<void()>& what) {
  boost::asio::post(io_, what);
  io_.poll_one();
}

bool World::step() {
  ++steps_;
  // What events post while the loop runs within the loop, Asio counts only when it is done: without
  // these it would find itself without work one day, and stop.
  for (int i = 0; i < posts_per_step; ++i) io_.get_executor().on_work_started();
  const bool due_now = !due_.empty() && due_.begin()->first <= elapsed_;
  if (due_now && chance(200)) return fire_due_event();
  if (io_.poll_one() > 0) return true;
  return fire_due_event();
}

void World::settle() {
  while (io_.poll_one() > 0) {
  }
}

void World::add_line(std::string line) {
  lines_.push_back(fmt::format("{:>9}  {}", elapsed_.count(), line));
  if (!keep_trace_ && lines_.size() > lines_max) lines_.pop_front();
}

void World::violation(std::string rule, std::string what) {
  trace("*** {}: {}", rule, what);
  violations_.push_back({.rule = std::move(rule), .what = std::move(what)});
}

}  // namespace agentcmd::simulation
