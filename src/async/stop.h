#pragma once
// A request to stop one piece of work, made once and seen by everyone who holds it. Unlike
// cancelling a task, it lets the work end in good order: kill its process, keep its output, say how
// it ended. One thread: the loop's.

#include "async/task.h"
#include "async/wakeup.h"

#include <boost/asio/any_io_executor.hpp>

namespace agentcmd {

class StopSource {
 public:
  explicit StopSource(const boost::asio::any_io_executor& executor) : wakeup_(executor) {}
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  void request() {
    requested_ = true;
    wakeup_.notify();
  }
  bool requested() const { return requested_; }

  // Returns once stop is requested.
  Task<> wait() {
    while (!requested_) co_await wakeup_.wait();
  }

 private:
  bool requested_ = false;
  Wakeup wakeup_;
};

}  // namespace agentcmd
