#include "runtime/worker_host.h"

#include "async/wakeup.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"

#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

class ProcessWorkerHost final : public WorkerHost {
 public:
  ProcessWorkerHost(boost::asio::any_io_executor executor, std::filesystem::path libexec,
                    std::filesystem::path bundles, script::WorkerHandlers handlers)
      : executor_(executor),
        libexec_(std::move(libexec)),
        bundles_(std::move(bundles)),
        handlers_(std::move(handlers)),
        started_(executor) {}

  std::uint64_t generation() const override { return generation_; }
  Task<> ensure_started() override;
  Task<Result<script::ActivationOutcome>> activate(history::Activation activation) override;
  void evict(const history::RunId& run) override;
  void rest(const history::RunId& run) override;
  Task<> stop() override;

 private:
  Result<void> load(const std::string& hash);
  void forget(const history::RunId& run);
  void make_room();

  boost::asio::any_io_executor executor_;
  std::filesystem::path libexec_;
  std::filesystem::path bundles_;
  script::WorkerHandlers handlers_;

  std::unique_ptr<script::Worker> worker_;
  std::vector<std::unique_ptr<script::Worker>> dead_;  // until they are joined in stop()
  std::set<std::string> loaded_;                       // hashes the present worker has
  std::map<std::string, script::Bundle> bundle_cache_;
  std::map<history::RunId, std::size_t> heaps_;  // of the present worker's contexts
  std::size_t heaps_bytes_ = 0;
  std::list<history::RunId> resting_;  // the one that has rested longest first
  std::map<history::RunId, std::list<history::RunId>::iterator> resting_at_;
  std::uint64_t generation_ = 1;
  bool starting_ = false;
  Wakeup started_;
};

Task<> ProcessWorkerHost::ensure_started() {
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
                                    heaps_.clear();
                                    heaps_bytes_ = 0;
                                    resting_.clear();
                                    resting_at_.clear();
                                    if (worker_) dead_.push_back(std::move(worker_));
                                    handlers_.died(message);
                                  }};
  auto worker = co_await script::start_worker(executor_, libexec_, std::move(handlers));
  if (!worker) throw Fault(worker.error().message);
  worker_ = *std::move(worker);
}

Result<void> ProcessWorkerHost::load(const std::string& hash) {
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

Task<Result<script::ActivationOutcome>> ProcessWorkerHost::activate(
    history::Activation activation) {
  if (!worker_) co_return script::WorkerDied{.message = "the workflow worker is gone"};
  const auto loaded = load(activation.code_hash);
  if (!loaded) co_return tl::unexpected(loaded.error());
  const auto run = activation.run;
  if (const auto resting = resting_at_.extract(run)) resting_.erase(resting.mapped());
  const auto generation = generation_;
  auto outcome = co_await worker_->activate(std::move(activation));
  const auto* completion = std::get_if<history::Completion>(&outcome);
  if (completion != nullptr && generation == generation_) {
    auto& heap = heaps_[run];
    heaps_bytes_ += completion->heap - heap;
    heap = completion->heap;
    make_room();
  }
  co_return std::move(outcome);
}

void ProcessWorkerHost::evict(const history::RunId& run) {
  forget(run);
  if (worker_) worker_->evict(run);
}

void ProcessWorkerHost::forget(const history::RunId& run) {
  if (const auto heap = heaps_.extract(run)) heaps_bytes_ -= heap.mapped();
  if (const auto resting = resting_at_.extract(run)) resting_.erase(resting.mapped());
}

void ProcessWorkerHost::rest(const history::RunId& run) {
  if (!heaps_.contains(run) || resting_at_.contains(run)) return;
  resting_at_.emplace(run, resting_.insert(resting_.end(), run));
  make_room();
}

void ProcessWorkerHost::make_room() {
  while (heaps_bytes_ > limits::contexts_bytes_max && !resting_.empty()) {
    const auto run = resting_.front();
    evict(run);
  }
}

Task<> ProcessWorkerHost::stop() {
  if (worker_) dead_.push_back(std::move(worker_));
  for (auto& worker : dead_) co_await worker->stop();
  dead_.clear();
}

}  // namespace

std::unique_ptr<WorkerHost> make_worker_host(boost::asio::any_io_executor executor,
                                             std::filesystem::path libexec,
                                             std::filesystem::path bundles,
                                             script::WorkerHandlers handlers) {
  return std::make_unique<ProcessWorkerHost>(std::move(executor), std::move(libexec),
                                             std::move(bundles), std::move(handlers));
}

}  // namespace agentcmd::runtime
