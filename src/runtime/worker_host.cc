#include "runtime/worker_host.h"

#include "base/limits.h"
#include "runtime/worker_seat.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace agentcmd::runtime {
namespace {

using history::RunId;

class WorkerPool final : public WorkerHost {
 public:
  WorkerPool(const boost::asio::any_io_executor& executor, const std::filesystem::path& libexec,
             std::filesystem::path bundles, script::WorkerHandlers handlers);

  std::uint64_t generation(const RunId& run) const override;
  Task<> ensure_started(const RunId& run) override;
  Task<Result<script::ActivationOutcome>> activate(history::Activation activation) override;
  void evict(const RunId& run) override;
  void rest(const RunId& run) override;
  bool was_in_it(const RunId& run) const override { return bereft_.contains(run); }
  Task<> stop() override;

 private:
  struct Place {
    std::unique_ptr<WorkerSeat> seat;
    std::uint64_t generation = 0;
    std::size_t runs = 0;
  };

  Place& place_of(const RunId& run);
  std::size_t choose() const;
  void died(std::size_t index, const std::string& message);
  void make_room();

  const script::WorkerHandlers handlers_;
  BundleShelf shelf_;
  std::vector<Place> places_;
  std::map<RunId, std::size_t> place_at_;  // of runs that are in a process, or about to be
  std::set<RunId> bereft_;                 // of the process whose death is being told
  std::uint64_t last_generation_ = 0;
};

// More than processors would only wait for each other.
std::size_t places_max() {
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  return std::min(limits::workers_max, processors);
}

WorkerPool::WorkerPool(const boost::asio::any_io_executor& executor,
                       const std::filesystem::path& libexec, std::filesystem::path bundles,
                       script::WorkerHandlers handlers)
    : handlers_(std::move(handlers)), shelf_(std::move(bundles)) {
  for (std::size_t i = 0; i < places_max(); ++i) {
    script::WorkerHandlers own{.effect = handlers_.effect,
                               .closure_ended = handlers_.closure_ended,
                               .stopped = handlers_.stopped,
                               .died = [this, i](const std::string& message) { died(i, message); }};
    auto seat = std::make_unique<WorkerSeat>(executor, libexec, shelf_, std::move(own));
    places_.push_back({.seat = std::move(seat), .generation = ++last_generation_});
  }
}

std::uint64_t WorkerPool::generation(const RunId& run) const {
  const auto at = place_at_.find(run);
  return at == place_at_.end() ? nowhere : places_[at->second].generation;
}

// The first process with room, so that few runs need one only; beyond that the emptiest of all.
std::size_t WorkerPool::choose() const {
  const auto has_room = [](const Place& place) { return place.runs < limits::runs_in_a_worker; };
  auto place = std::ranges::find_if(places_, has_room);
  if (place == places_.end()) place = std::ranges::min_element(places_, {}, &Place::runs);
  return static_cast<std::size_t>(place - places_.begin());
}

WorkerPool::Place& WorkerPool::place_of(const RunId& run) {
  const auto known = place_at_.find(run);
  if (known != place_at_.end()) return places_[known->second];
  const auto chosen = choose();
  place_at_.emplace(run, chosen);
  ++places_[chosen].runs;
  return places_[chosen];
}

Task<> WorkerPool::ensure_started(const RunId& run) {
  co_await place_of(run).seat->ensure_started();
}

Task<Result<script::ActivationOutcome>> WorkerPool::activate(history::Activation activation) {
  auto outcome = co_await place_of(activation.run).seat->activate(std::move(activation));
  make_room();
  co_return std::move(outcome);
}

void WorkerPool::evict(const RunId& run) {
  const auto at = place_at_.find(run);
  if (at == place_at_.end()) return;
  auto& place = places_[at->second];
  --place.runs;
  place_at_.erase(at);
  place.seat->evict(run);
}

void WorkerPool::rest(const RunId& run) {
  const auto at = place_at_.find(run);
  if (at == place_at_.end()) return;
  places_[at->second].seat->rest(run);
  make_room();
}

// Of the process that takes up most, as its next collection gives most back.
void WorkerPool::make_room() {
  while (true) {
    std::size_t bytes = 0;
    Place* largest = nullptr;
    for (auto& place : places_) {
      bytes += place.seat->bytes();
      if (place.seat->first_to_give_up() == nullptr) continue;
      if (largest == nullptr || place.seat->bytes() > largest->seat->bytes()) largest = &place;
    }
    if (bytes <= limits::contexts_bytes_max || largest == nullptr) return;
    const auto run = *largest->seat->first_to_give_up();
    evict(run);
  }
}

void WorkerPool::died(std::size_t index, const std::string& message) {
  auto& place = places_[index];
  place.generation = ++last_generation_;
  place.runs = 0;
  for (const auto& [run, at] : place_at_) {
    if (at == index) bereft_.insert(run);
  }
  for (const auto& run : bereft_) place_at_.erase(run);
  handlers_.died(message);
  bereft_.clear();
}

Task<> WorkerPool::stop() {
  for (auto& place : places_) co_await place.seat->stop();
}

}  // namespace

std::unique_ptr<WorkerHost> make_worker_host(boost::asio::any_io_executor executor,
                                             std::filesystem::path libexec,
                                             std::filesystem::path bundles,
                                             script::WorkerHandlers handlers) {
  return std::make_unique<WorkerPool>(executor, libexec, std::move(bundles), std::move(handlers));
}

}  // namespace agentcmd::runtime
