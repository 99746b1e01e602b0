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
  explicit State(asio::any_io_executor on) : executor(std::move(on)), idle(executor) {}

  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> signals;  // one for each live task
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

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  AGENTCMD_INVARIANT(state_->signals.empty(), "task group destroyed with {} live tasks", size());
}

void TaskGroup::spawn(std::string name, Task<> task) {
  state_->signals.emplace_back();
  const auto self = std::prev(state_->signals.end());
  auto finished = [state = state_, self, name = std::move(name)](std::exception_ptr failure) {
    log_failure(name, failure, state->cancelled);
    state->signals.erase(self);
    if (state->signals.empty()) state->idle.notify();
  };
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(self->slot(), std::move(finished)));
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  for (auto& signal : state_->signals) signal.emit(asio::cancellation_type::terminal);
}

Task<> TaskGroup::join() {
  const auto state = state_;
  while (!state->signals.empty()) co_await state->idle.wait();
}

std::size_t TaskGroup::size() const {
  return state_->signals.size();
}

}  // namespace agentcmd
