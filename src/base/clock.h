#pragma once
// Time is passed in: nothing that decides reads a clock of its own, so that tests and simulation
// can move it (ARCHITECTURE.md, Time).

#include <chrono>
#include <cstdint>
#include <string>

namespace agentcmd {

using Milliseconds = std::chrono::milliseconds;
// Wall-clock time, UTC, in milliseconds since 1970: what history records.
using Time = std::chrono::sys_time<Milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual Time now() const = 0;

 protected:
  Clock() = default;
};

class SystemClock final : public Clock {
 public:
  SystemClock() = default;
  Time now() const override;
};

// Moves only when told to.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_(start) {}
  Time now() const override { return now_; }
  void advance(Milliseconds by) { now_ += by; }

 private:
  Time now_;
};

constexpr std::int64_t to_millis(Time time) {
  return time.time_since_epoch().count();
}
constexpr Time from_millis(std::int64_t millis) {
  return Time(Milliseconds(millis));
}

// "2026-03-01T09:30:00.250Z"
std::string to_iso8601(Time time);

}  // namespace agentcmd
