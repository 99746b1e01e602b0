#pragma once
// The workflow workers of a driver: one process, and more beside it where many runs are live at
// once. A run's context lives in one of them, from ensure_started() on until it is evicted or that
// process dies; the generation says whether it is still there.

#include "async/task.h"
#include "base/result.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>

namespace agentcmd::runtime {

class WorkerHost {
 public:
  virtual ~WorkerHost() = default;
  WorkerHost(const WorkerHost&) = delete;
  WorkerHost& operator=(const WorkerHost&) = delete;

  // Of the process that the run is in: another one after each death, and in each process. A run
  // that is in none has `nowhere`. Never 0.
  virtual std::uint64_t generation(const history::RunId& run) const = 0;
  static constexpr auto nowhere = std::numeric_limits<std::uint64_t>::max();

  // Chooses a process for the run where it has none, and starts it where it is not up. Throws Fault
  // when it cannot be started.
  virtual Task<> ensure_started(const history::RunId& run) = 0;

  // Precondition: ensure_started() in this generation. Loads the code first where the worker lacks
  // it; a bundle that is gone or damaged is an Error.
  virtual Task<Result<script::ActivationOutcome>> activate(history::Activation activation) = 0;

  virtual void evict(const history::RunId& run) = 0;

  // Nothing runs in the run's context until its next activation, so that it may be given up where
  // memory is short. That activation then ends as RunStopped{"missing"}.
  virtual void rest(const history::RunId&) {}

  // While `handlers.died` is called: whether the run was in the process that died.
  virtual bool was_in_it(const history::RunId&) const { return true; }

  virtual Task<> stop() = 0;

 protected:
  WorkerHost() = default;
};

// With agentcmd-worker of `libexec` and the code in `bundles`. `handlers.died` is called after the
// generation of the runs in that process has moved on.
std::unique_ptr<WorkerHost> make_worker_host(boost::asio::any_io_executor executor,
                                             std::filesystem::path libexec,
                                             std::filesystem::path bundles,
                                             script::WorkerHandlers handlers);

}  // namespace agentcmd::runtime
