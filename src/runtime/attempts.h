#pragma once
// The attempts of one run's steps that are running now: the step border. Whatever an attempt throws
// ends here, as data; only a task that is cancelled because the driver leaves ends silently, and
// its process goes on.

#include "async/stop.h"
#include "async/task_group.h"
#include "runtime/machine.h"
#include "runtime/slots.h"
#include "steps/step.h"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <map>
#include <memory>

namespace agentcmd::runtime {

class Attempts {
 public:
  // Told on the loop how an attempt ended; its slot is free by then.
  using Ended = std::function<void(const history::StepKey&, std::uint32_t attempt, steps::Outcome)>;

  // What is done in the attempt's slot before it begins.
  using Prepare = std::function<Task<>(steps::Step)>;

  Attempts(boost::asio::any_io_executor executor, Machine& machine, Slots& slots, Prepare prepare,
           Ended ended);

  // Runs the attempt in a slot that the caller has taken for it.
  void start(steps::StepHost& host, const steps::StepType& type, steps::Step step);

  // Asks a running attempt to stop; it ends as Cancelled, or as it ended just before.
  void stop(const history::StepKey& key);
  void stop_all();

  bool empty() const { return running_.empty(); }
  std::size_t size() const { return running_.size(); }
  bool contains(const history::StepKey& key) const { return running_.contains(key); }

  // Leaves the processes of all attempts to themselves and forgets them.
  Task<> leave();

 private:
  struct Running {
    Running(const boost::asio::any_io_executor& executor, Slots::Kind kind)
        : stop(executor), slot(kind) {}
    StopSource stop;
    Slots::Kind slot;
  };

  Task<> run(steps::StepHost& host, const steps::StepType& type, steps::Step step,
             StopSource& stop);
  void finish(const history::StepKey& key, std::uint32_t attempt, steps::Outcome outcome);

  boost::asio::any_io_executor executor_;
  Machine& machine_;
  Slots& slots_;
  Prepare prepare_;
  Ended ended_;
  std::map<history::StepKey, std::unique_ptr<Running>> running_;
  TaskGroup tasks_;
};

}  // namespace agentcmd::runtime
