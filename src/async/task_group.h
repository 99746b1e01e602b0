#pragma once
// The owner of background tasks. Each belongs to one group, each group to the object whose members
// its tasks use; stop() of that object cancels and joins. Destroying a group with live tasks
// aborts: a task that outlives its object is the bug that this type exists to prevent. One thread:
// the loop's.

#include "async/task.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace agentcmd {

class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `task` on the loop. An exception that leaves it is logged with `name`; operation_aborted
  // after cancel() is normal and not logged.
  void spawn(std::string name, Task<> task);

  // Asks every task to stop: what it awaits throws operation_aborted. Idempotent.
  void cancel();

  // Returns when no task is left. New tasks may not be spawned meanwhile by others.
  Task<> join();

  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State>
      state_;  // shared with completion handlers, which may run during destruction
};

}  // namespace agentcmd
