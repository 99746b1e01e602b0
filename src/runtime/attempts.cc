#include "runtime/attempts.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "runtime/driver_steps.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace agentcmd::runtime {
namespace {

// What an attempt did not survive, as the error that the workflow sees.
steps::Outcome failed(std::string name, const char* message) {
  return {.what = steps::Failed{{.name = std::move(name), .message = message}}};
}

}  // namespace

Attempts::Attempts(boost::asio::any_io_executor executor, Machine& machine, Slots& slots,
                   Prepare prepare, Ended ended)
    : executor_(executor),
      machine_(machine),
      slots_(slots),
      prepare_(std::move(prepare)),
      ended_(std::move(ended)),
      tasks_(executor) {}

void Attempts::start(steps::StepHost& host, const steps::StepType& type, steps::Step step) {
  auto [entry, added] = running_.emplace(step.key, std::make_unique<Running>(executor_, type.slot));
  AGENTCMD_CHECK(added, "step '{}' has two attempts at once", step.key.text);
  auto name = "step " + step.key.text;
  tasks_.spawn(std::move(name), run(host, type, std::move(step), entry->second->stop));
}

Task<> Attempts::run(steps::StepHost& host, const steps::StepType& type, steps::Step step,
                     StopSource& stop) {
  const auto key = step.key;
  const auto attempt = step.attempt;
  steps::Outcome outcome;
  try {
    co_await prepare_(step);
    outcome = find_driver_step(type.name) == &type
                  ? co_await type.run(host, std::move(step), stop)
                  : co_await machine_.run_step(type, host, std::move(step), stop);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;  // the driver leaves
    outcome = failed("Error", error.what());
  } catch (const Bug& bug) {
    log::error("step.bug", {{"step", key.text}, {"error", bug.what()}});
    outcome = failed("InternalError", bug.what());
  } catch (const std::exception& error) {
    outcome = failed("Error", error.what());
  }
  finish(key, attempt, std::move(outcome));
}

void Attempts::finish(const history::StepKey& key, std::uint32_t attempt, steps::Outcome outcome) {
  const auto found = running_.find(key);
  const auto slot = found->second->slot;
  running_.erase(found);
  slots_.release(slot);
  ended_(key, attempt, std::move(outcome));
}

void Attempts::stop(const history::StepKey& key) {
  const auto found = running_.find(key);
  if (found != running_.end()) found->second->stop.request();
}

void Attempts::stop_all() {
  for (auto& [key, running] : running_) running->stop.request();
}

Task<> Attempts::leave() {
  tasks_.cancel();
  co_await tasks_.join();
  for (const auto& [key, running] : running_) slots_.release(running->slot);
  running_.clear();
}

}  // namespace agentcmd::runtime
