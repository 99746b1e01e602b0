#include "async/task_group.h"

#include "async/wakeup.h"
#include "base/check.h"
#include "base/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <list>
#include <utility>

namespace agentcmd {

namespace asio = boost::asio;

struct TaskGroup::State {
  struct Live {
    asio::cancellation_signal signal;
    bool cancelled = false;
  };
  explicit State(asio::any_io_executor on) : executor(std::move(on)), idle(executor) {}

  asio::any_io_executor executor;
  std::list<Live> tasks;
  Wakeup idle;
  bool cancelled = false;
};

namespace {

void log_failure(const std::string& name, const std::exception_ptr& failure, bool cancelled) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (cancelled && error.code() == asio::error::operation_aborted) return;
    log::error("task.failed", {{"task", name}, {"error", error.what()}});
  } catch (const std::exception& error) {
    log::error("task.failed", {{"task", name}, {"error", error.what()}});
  }
}

// Asio tells only a task that has begun that it is cancelled.
Task<> unless_cancelled(const bool& cancelled, Task<> task) {
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_await std::move(task);
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  AGENTCMD_INVARIANT(state_->tasks.empty(), "task group destroyed with {} live tasks", size());
}

void TaskGroup::spawn(std::string name, Task<> task) {
  state_->tasks.emplace_back();
  const auto self = std::prev(state_->tasks.end());
  auto finished = [state = state_, self, name = std::move(name)](std::exception_ptr failure) {
    log_failure(name, failure, state->cancelled);
    state->tasks.erase(self);
    if (state->tasks.empty()) state->idle.notify();
  };
  asio::co_spawn(state_->executor, unless_cancelled(self->cancelled, std::move(task)),
                 asio::bind_cancellation_slot(self->signal.slot(), std::move(finished)));
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  for (auto& task : state_->tasks) {
    task.cancelled = true;
    task.signal.emit(asio::cancellation_type::terminal);
  }
}

Task<> TaskGroup::join() {
  const auto state = state_;
  while (!state->tasks.empty()) co_await state->idle.wait();
}

std::size_t TaskGroup::size() const {
  return state_->tasks.size();
}

}  // namespace agentcmd
