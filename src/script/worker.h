#pragma once
// The driver's end of a workflow worker: a process of its own that runs workflow code and can do
// nothing but talk over the socket pair it inherits (protocol.md). It has no file, no network, no
// secret; what a closure does to the world it asks of the driver as an effect.

#include "async/task.h"
#include "base/result.h"
#include "history/activation.h"
#include "script/bundle.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agentcmd::script {

struct PhaseInfo {
  std::string id;
  std::string label;
};

// What a definition says of itself.
struct WorkflowInfo {
  std::string id;
  std::string name;
  std::string description;
  std::vector<PhaseInfo> phases;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<JsonText> args_schema;
  JsonText config;  // everything else that it declares
};

// Code outside steps that a replay could notice.
struct Finding {
  std::string file;
  int line = 0;
  int column = 0;
  std::string what;       // "new Date()", "fetch"
  std::string treatment;  // "recorded", "seeded", "refused"
  std::string advice;
};

// The worker stopped this run's code; its context is gone, other runs were not disturbed.
struct RunStopped {
  // "time", "memory"; "load": the definition threw at load; "missing": the worker does not hold the
  // run (evicted), give it the whole history; "error": a defect of the SDK.
  std::string reason;
  std::string message;
  std::string stack;  // mapped to the source
};
// The process died or did not answer and was killed. Every run of it needs a replay in another
// worker.
struct WorkerDied {
  std::string message;
};
using ActivationOutcome = std::variant<history::Completion, RunStopped, WorkerDied>;

struct Effect {
  history::RunId run;
  history::StepKey key;
  std::uint32_t attempt = 1;
  std::string name;  // "fs.readFile", "fetch", "child_process.exec", "process.env", ...
  JsonText args;
  std::uint64_t id = 0;  // that `cancel` names: {"id"}
};
// The value, or the error that the closure sees: {"name", "message", "code"?, ...}.
struct EffectResult {
  bool ok = true;
  JsonText value;
};

struct WorkerHandlers {
  // Called in the order of the requests of a closure, and after activate() has returned the
  // completion that began it; the reply may take as long as it takes.
  std::function<Task<EffectResult>(Effect)> effect;
  // A closure ended after the completion that began it.
  std::function<void(history::RunId, history::ClosureEnd)> closure_ended;
  // The code of a run was stopped between two activations, in a closure that went on after an
  // effect. As if activate() had returned it.
  std::function<void(history::RunId, RunStopped)> stopped;
  // The process is gone; no more calls follow. Effects in progress have been cancelled.
  std::function<void(std::string message)> died;
};

class Worker {
 public:
  virtual ~Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Sends the code of a bundle, once; needed before describe, check and activate name its hash.
  virtual void load(const Bundle& bundle) = 0;

  // What the bundle declares, or why it cannot be loaded (invalid_argument, "file:line:column:
  // message").
  virtual Task<Result<WorkflowInfo>> describe(std::string hash) = 0;
  virtual Task<Result<std::vector<Finding>>> check(std::string hash) = 0;

  // When schedules are due (sdk/src/cron.ts). `questions` is a list of {pattern, timezone?, after,
  // until?, count}, all times in milliseconds; the answers, in the same order, are {times} or
  // {error}.
  virtual Task<Result<JsonText>> due_times(JsonText questions) = 0;

  // One at a time for each run; several runs may be on their way together. Throws nothing: the ways
  // to end are the outcome.
  virtual Task<ActivationOutcome> activate(history::Activation activation) = 0;

  // Asks a function of step.onQuery; `args` is JSON. It is answered between two activations, and
  // has no effect on the run. Errors: unavailable where this worker does not hold the run (it needs
  // a replay first) or died; not_found (naming those that there are) for a query that the run does
  // not answer; failed_precondition, with what the function threw.
  virtual Task<Result<JsonText>> query(history::RunId run, std::string name, JsonText args) = 0;

  // Forgets the run's context. Its next activation must begin with its whole history.
  virtual void evict(history::RunId run) = 0;

  // Ends the process and joins our tasks.
  virtual Task<> stop() = 0;

 protected:
  Worker() = default;
};

// Errors: the program is missing, or did not come up.
Task<Result<std::unique_ptr<Worker>>> start_worker(boost::asio::any_io_executor executor,
                                                   std::filesystem::path libexec,
                                                   WorkerHandlers handlers);

}  // namespace agentcmd::script
