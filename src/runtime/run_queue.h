#pragma once
// Where the runs of a driver wait until they may start: the driver's part of flow control. Who may
// start is decided by engine/flow.h, in a transaction, for all processes of the home alike; each
// gives places to its own runs only. Whoever frees a place wakes the drivers whose runs wait; since
// one that was killed wakes nobody, they also look again by themselves.

#include "async/task.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "engine/flow.h"
#include "engine/why.h"
#include "runtime/driver.h"
#include "runtime/machine.h"
#include "store/places.h"

#include <boost/asio/any_io_executor.hpp>

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::runtime {

class RunQueue {
 public:
  // `driver` is the id of ours.
  RunQueue(const boost::asio::any_io_executor& executor, store::Store& store, Machine& machine,
           const DriverOptions& options, std::string driver);

  // Creates a run as `start` says, with a place if one is free; older runs are told to cancel.
  Task<Result<store::StartedRun>> start(store::RunStart start);

  // Returns when the run has a place, or without one when it is to be cancelled or `given_up` holds
  // (look() has it checked).
  // A paused run needs one only where it is to `resume`. `waits` is called before it has to wait.
  Task<> enter(history::RunId run, bool resume, std::function<bool()> given_up,
               std::function<void()> waits);

  // The run has ended, or is not executed any more: its place is free.
  Task<> leave(history::RunId run);

  // Those of the home that keep, or may keep, others of their group waiting.
  Task<std::set<history::RunId>> runs_in_groups();

  // Something may have changed: somebody was woken up, or asks for something.
  void look();

  Task<> stop();

 private:
  struct Waiter {
    bool has_place = false;
    bool is_cancelled = false;  // somebody has asked for that
    std::size_t position = 0;   // as last told to the observer
    std::string reason;
  };

  bool needs_no_place(const store::Place& place) const;
  bool needs_no_place(const store::RunStart& start) const;
  Task<> serve();
  Task<> serve_once();
  Task<> look_at_requests();
  void serve_again();
  void tell(const engine::FlowDecision& decision);
  void wake_others(const std::vector<std::string>& owners) const;
  store::DecidePlaces decide_for(std::set<std::string> mine) const;
  std::function<bool(const std::string&)> asks_machine() const;

  // Constant after construction.
  store::Store& store_;
  Machine& machine_;
  const DriverOptions& options_;
  const std::string driver_;

  std::set<std::string> placed_;           // runs with a place of ours in the table
  std::set<std::string> unlimited_;        // new runs that need none
  std::map<std::string, Waiter> waiters_;  // by run
  bool serving_ = false;
  std::exception_ptr fault_;  // that ended serve()
  bool stopping_ = false;
  std::uint64_t looks_ = 0;
  bool has_requests_ = false;  // perhaps, of those who wait
  Wakeup changed_;             // for those who wait
  Wakeup looked_;              // for serve()
  std::unique_ptr<Alarm> alarm_;
  TaskGroup tasks_;
};

// A run without a place.
struct QueuedRun {
  store::Place place;
  std::size_t position = 0;  // 0: nobody executes it, so that its turn never comes
  std::string reason;
};

// All of the home, by position. Those that may start, and will as soon as their process has looked,
// come first, with position 0 and without a reason.
Task<std::vector<QueuedRun>> queued_runs(store::Store& store, store::Home home,
                                         engine::FlowLimits limits);

// Of one of them; nothing where the run waits for no place.
Task<std::optional<engine::QueuePlace>> place_in_queue(store::Store& store, store::Home home,
                                                       engine::FlowLimits limits,
                                                       history::RunId run);

}  // namespace agentcmd::runtime
