#pragma once
// Calls back once, later. One for each thing that waits for a time; a simulation has its own, whose
// time is virtual. One thread: the loop's.

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace agentcmd {

class Alarm {
 public:
  virtual ~Alarm() = default;  // as cancel()
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Calls `ring` on the loop when `wait` is over; what was set before is forgotten.
  virtual void set(std::chrono::milliseconds wait, std::function<void()> ring) = 0;

  // No call comes after this, not even one that was on its way.
  virtual void cancel() = 0;

 protected:
  Alarm() = default;
};

// By the steady clock.
std::unique_ptr<Alarm> make_alarm(const boost::asio::any_io_executor& executor);

}  // namespace agentcmd
