#pragma once
// The workflow worker of a driver: started when first needed, started again when it died. Contexts
// of runs live in one worker process; its generation says whether a run's context is still there.

#include "async/task.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace agentcmd::runtime {

class WorkerHost {
 public:
  // `handlers.died` is called after the generation has moved on.
  WorkerHost(boost::asio::any_io_executor executor, std::filesystem::path libexec,
             std::filesystem::path bundles, script::WorkerHandlers handlers);

  // Raised by every death: a context made in an earlier generation is gone.
  std::uint64_t generation() const { return generation_; }

  // Starts the worker where there is none. Throws Fault when it cannot be started.
  Task<> ensure_started();

  // Precondition: ensure_started() in this generation. Loads the code first where the worker lacks
  // it; a bundle that is gone or damaged is an Error.
  Task<Result<script::ActivationOutcome>> activate(history::Activation activation);

  void evict(const history::RunId& run);

  Task<> stop();

 private:
  Result<void> load(const std::string& hash);

  boost::asio::any_io_executor executor_;
  std::filesystem::path libexec_;
  std::filesystem::path bundles_;
  script::WorkerHandlers handlers_;

  std::unique_ptr<script::Worker> worker_;
  std::vector<std::unique_ptr<script::Worker>> dead_;  // until they are joined in stop()
  std::set<std::string> loaded_;                       // hashes the present worker has
  std::map<std::string, script::Bundle> bundle_cache_;
  std::uint64_t generation_ = 1;
  bool starting_ = false;
  Wakeup started_;
};

}  // namespace agentcmd::runtime
