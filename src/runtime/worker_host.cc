#include "runtime/worker_host.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"

#include <utility>

namespace agentcmd::runtime {
namespace {

// Clears the mark of a start that is under way, however it ends.
struct StartingMark {
  bool& starting;
  Wakeup& started;
  ~StartingMark() {
    starting = false;
    started.notify();
  }
};

}  // namespace

WorkerHost::WorkerHost(boost::asio::any_io_executor executor, std::filesystem::path libexec,
                       std::filesystem::path bundles, script::WorkerHandlers handlers)
    : executor_(executor),
      libexec_(std::move(libexec)),
      bundles_(std::move(bundles)),
      handlers_(std::move(handlers)),
      started_(executor) {}

Task<> WorkerHost::ensure_started() {
  while (starting_) co_await started_.wait();
  if (worker_) co_return;
  starting_ = true;
  const StartingMark mark{starting_, started_};
  script::WorkerHandlers handlers{.effect = handlers_.effect,
                                  .closure_ended = handlers_.closure_ended,
                                  .stopped = handlers_.stopped,
                                  .died = [this](const std::string& message) {
                                    log::warn("worker.died", {{"reason", message}});
                                    ++generation_;
                                    loaded_.clear();
                                    if (worker_) dead_.push_back(std::move(worker_));
                                    handlers_.died(message);
                                  }};
  auto worker = co_await script::start_worker(executor_, libexec_, std::move(handlers));
  if (!worker) throw Fault(worker.error().message);
  worker_ = *std::move(worker);
}

Result<void> WorkerHost::load(const std::string& hash) {
  if (loaded_.contains(hash)) return {};
  auto cached = bundle_cache_.find(hash);
  if (cached == bundle_cache_.end()) {
    auto bundle = script::load_bundle(bundles_, hash);
    if (!bundle) return tl::unexpected(bundle.error());
    cached = bundle_cache_.emplace(hash, *std::move(bundle)).first;
  }
  worker_->load(cached->second);
  loaded_.insert(hash);
  return {};
}

Task<Result<script::ActivationOutcome>> WorkerHost::activate(history::Activation activation) {
  if (!worker_) co_return script::WorkerDied{.message = "the workflow worker is gone"};
  const auto loaded = load(activation.code_hash);
  if (!loaded) co_return tl::unexpected(loaded.error());
  co_return co_await worker_->activate(std::move(activation));
}

void WorkerHost::evict(const history::RunId& run) {
  if (worker_) worker_->evict(run);
}

Task<> WorkerHost::stop() {
  if (worker_) dead_.push_back(std::move(worker_));
  for (auto& worker : dead_) co_await worker->stop();
  dead_.clear();
}

}  // namespace agentcmd::runtime
