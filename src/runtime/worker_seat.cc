#include "runtime/worker_seat.h"

#include "base/fault.h"
#include "base/log.h"

#include <utility>
#include <variant>

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

Result<const script::Bundle*> BundleShelf::find(const std::string& hash) {
  auto known = bundles_.find(hash);
  if (known == bundles_.end()) {
    auto bundle = script::load_bundle(folder_, hash);
    if (!bundle) return tl::unexpected(bundle.error());
    known = bundles_.emplace(hash, *std::move(bundle)).first;
  }
  return &known->second;
}

WorkerSeat::WorkerSeat(boost::asio::any_io_executor executor, std::filesystem::path libexec,
                       BundleShelf& shelf, script::WorkerHandlers handlers)
    : executor_(executor),
      libexec_(std::move(libexec)),
      shelf_(shelf),
      handlers_(std::move(handlers)),
      started_(executor) {}

Task<> WorkerSeat::ensure_started() {
  while (starting_) co_await started_.wait();
  if (worker_) co_return;
  starting_ = true;
  const StartingMark mark{starting_, started_};
  script::WorkerHandlers handlers{.effect = handlers_.effect,
                                  .closure_ended = handlers_.closure_ended,
                                  .stopped = handlers_.stopped,
                                  .died = [this](const std::string& message) { died(message); }};
  auto worker = co_await script::start_worker(executor_, libexec_, std::move(handlers));
  if (!worker) throw Fault(worker.error().message);
  worker_ = *std::move(worker);
}

void WorkerSeat::died(const std::string& message) {
  log::warn("worker.died", {{"reason", message}});
  ++lives_;
  loaded_.clear();
  heaps_.clear();
  heaps_bytes_ = 0;
  resting_.clear();
  resting_at_.clear();
  if (worker_) dead_.push_back(std::move(worker_));
  handlers_.died(message);
}

Result<void> WorkerSeat::load(const std::string& hash) {
  if (loaded_.contains(hash)) return {};
  const auto bundle = shelf_.find(hash);
  if (!bundle) return tl::unexpected(bundle.error());
  worker_->load(**bundle);
  loaded_.insert(hash);
  return {};
}

Task<Result<script::ActivationOutcome>> WorkerSeat::activate(history::Activation activation) {
  if (!worker_) co_return script::WorkerDied{.message = "the workflow worker is gone"};
  const auto loaded = load(activation.code_hash);
  if (!loaded) co_return tl::unexpected(loaded.error());
  const auto run = activation.run;
  if (const auto resting = resting_at_.extract(run)) resting_.erase(resting.mapped());
  const auto life = lives_;
  auto outcome = co_await worker_->activate(std::move(activation));
  const auto* completion = std::get_if<history::Completion>(&outcome);
  if (completion != nullptr && life == lives_) {
    auto& heap = heaps_[run];
    heaps_bytes_ += completion->heap - heap;
    heap = completion->heap;
  }
  co_return std::move(outcome);
}

void WorkerSeat::evict(const history::RunId& run) {
  forget(run);
  if (worker_) worker_->evict(run);
}

void WorkerSeat::forget(const history::RunId& run) {
  if (const auto heap = heaps_.extract(run)) heaps_bytes_ -= heap.mapped();
  if (const auto resting = resting_at_.extract(run)) resting_.erase(resting.mapped());
}

void WorkerSeat::rest(const history::RunId& run) {
  if (!heaps_.contains(run) || resting_at_.contains(run)) return;
  resting_at_.emplace(run, resting_.insert(resting_.end(), run));
}

const history::RunId* WorkerSeat::first_to_give_up() const {
  return resting_.empty() ? nullptr : &resting_.front();
}

Task<> WorkerSeat::stop() {
  if (worker_) dead_.push_back(std::move(worker_));
  for (auto& worker : dead_) co_await worker->stop();
  dead_.clear();
}

}  // namespace agentcmd::runtime
