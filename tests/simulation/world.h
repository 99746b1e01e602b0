#pragma once
// The world of a simulation: its time, its chance, and what happens in it. Everything happens in
// one thread, one thing after the other, in an order that the seed decides: the handlers of the
// loop that are ready, and the events that are due. The same seed gives the same world.

#include "async/task.h"
#include "base/clock.h"
#include "base/random.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::simulation {

// A promise that was broken. `rule` is a short constant name.
struct Violation {
  std::string rule;
  std::string what;
};

class World {
 public:
  // `keep_trace`: whether every line of the trace is kept, or the last ones only.
  World(std::uint64_t seed, bool keep_trace);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  boost::asio::any_io_executor executor() { return io_.get_executor(); }

  // --- Chance.
  Random& random() { return random_; }
  std::uint64_t below(std::uint64_t bound);  // 0 … bound - 1
  std::uint64_t between(std::uint64_t least, std::uint64_t most);
  bool chance(unsigned permille);
  // Short mostly, now and then nothing, now and then long.
  Milliseconds some_time();

  // --- Time. The wall clock can be set; time itself only passes.
  Milliseconds elapsed() const { return elapsed_; }
  Time wall() const { return wall_start_ + elapsed_ + wall_shift_; }
  // The latest that the wall clock has ever shown.
  Time latest_wall() const { return latest_wall_; }
  void set_wall_clock(Milliseconds shift);

  // --- What happens.
  using EventId = std::uint64_t;
  EventId after(Milliseconds delay, std::function<void()> what);
  void cancel(EventId event);
  // Suspends the caller for so long.
  Task<> pass(Milliseconds delay);

  // Calls `what` as a handler of the loop: as in the product, everything happens in one.
  void within_loop(const std::function<void()>& what);
  // Lets one thing happen; false when nothing is left that could.
  bool step();
  std::uint64_t steps() const { return steps_; }
  // Lets handlers that are ready run, and nothing else, until none is.
  void settle();

  // --- What is known of it afterwards.
  template <typename... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    add_line(fmt::format(format, std::forward<Args>(args)...));
  }
  const std::deque<std::string>& lines() const { return lines_; }
  void violation(std::string rule, std::string what);
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  void add_line(std::string line);
  bool fire_due_event();
  void note_wall();

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  SeededRandom random_;
  bool keep_trace_;
  Milliseconds elapsed_{0};
  Time wall_start_;
  Milliseconds wall_shift_{0};
  Time latest_wall_;
  std::multimap<Milliseconds, EventId> due_;
  std::map<EventId, std::pair<Milliseconds, std::function<void()>>> events_;
  EventId last_event_ = 0;
  std::uint64_t steps_ = 0;
  std::deque<std::string> lines_;
  std::vector<Violation> violations_;
};

}  // namespace agentcmd::simulation
