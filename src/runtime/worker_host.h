#pragma once
// The workflow worker of a driver: started when first needed, started again when it died. Contexts
// of runs live in one worker process; its generation says whether a run's context is still there.

#include "async/task.h"
#include "base/result.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>

namespace agentcmd::runtime {

class WorkerHost {
 public:
  virtual ~WorkerHost() = default;
  WorkerHost(const WorkerHost&) = delete;
  WorkerHost& operator=(const WorkerHost&) = delete;

  // Raised by every death: a context made in an earlier generation is gone. Never 0.
  virtual std::uint64_t generation() const = 0;

  // Starts the worker where there is none. Throws Fault when it cannot be started.
  virtual Task<> ensure_started() = 0;

  // Precondition: ensure_started() in this generation. Loads the code first where the worker lacks
  // it; a bundle that is gone or damaged is an Error.
  virtual Task<Result<script::ActivationOutcome>> activate(history::Activation activation) = 0;

  virtual void evict(const history::RunId& run) = 0;

  // Nothing runs in the run's context until its next activation, so that it may be given up where
  // memory is short. That activation then ends as RunStopped{"missing"}.
  virtual void rest(const history::RunId&) {}

  virtual Task<> stop() = 0;

 protected:
  WorkerHost() = default;
};

// With agentcmd-worker of `libexec` and the code in `bundles`. `handlers.died` is called after the
// generation has moved on.
std::unique_ptr<WorkerHost> make_worker_host(boost::asio::any_io_executor executor,
                                             std::filesystem::path libexec,
                                             std::filesystem::path bundles,
                                             script::WorkerHandlers handlers);

}  // namespace agentcmd::runtime
