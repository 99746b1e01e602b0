#include "runtime/run_queue.h"

#include "base/limits.h"
#include "runtime/driver_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using engine::FlowDecision;
using engine::FlowLimits;
using engine::FlowSituation;
using history::RunId;
using store::Place;
using store::PlaceTable;
using store::RunStatus;

namespace {

bool only_waits(const Place& place) {
  return place.status == RunStatus::waiting || place.status == RunStatus::paused;
}

engine::WantedPlace wanted_by(const Place& place) {
  return {.run = place.run,
          .project = place.project,
          .parent = place.parent,
          .flow = history::flow_from(place.flow),
          .begun = place.begun,
          .order = place.order};
}

engine::HeldPlace held_by(const Place& place) {
  engine::HeldPlace held{.run = place.run,
                         .project = place.project,
                         .parent = place.parent,
                         .groups = {},
                         .works = !only_waits(place)};
  for (auto& group : history::flow_from(place.flow).groups) held.groups.push_back(group.id);
  return held;
}

// Asks for each driver once: one decision sees one answer.
class Alive {
 public:
  explicit Alive(std::function<bool(const std::string&)> ask) : ask_(std::move(ask)) {}
  bool operator()(const std::string& driver) {
    const auto known = known_.find(driver);
    if (known != known_.end()) return known->second;
    return known_[driver] = ask_(driver);
  }

 private:
  std::function<bool(const std::string&)> ask_;
  std::map<std::string, bool> known_;
};

// What nobody executes has no place and wants none.
FlowSituation situation_of(const PlaceTable& table, const FlowLimits& limits, Alive& is_alive) {
  FlowSituation now{.limits = limits, .held = {}, .wanted = {}, .served = table.served};
  for (const auto& place : table.places) {
    if (!is_alive(place.owner)) continue;
    const bool goes_on_without = place.begun && place.flow.empty();
    if (place.is_held() || goes_on_without) {
      now.held.push_back(held_by(place));
    } else if (place.waits()) {
      now.wanted.push_back(wanted_by(place));
    }
  }
  return now;
}

// A run in the queue, however it leaves it.
template <typename Waiters>
class Stay {
 public:
  Stay(Waiters& waiters, std::string run) : waiters_(waiters), run_(std::move(run)) {}
  ~Stay() { waiters_.erase(run_); }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

 private:
  Waiters& waiters_;
  std::string run_;
};

}  // namespace

RunQueue::RunQueue(const boost::asio::any_io_executor& executor, store::Store& store,
                   Machine& machine, const DriverOptions& options, std::string driver)
    : store_(store),
      machine_(machine),
      options_(options),
      driver_(std::move(driver)),
      changed_(executor),
      looked_(executor),
      alarm_(machine.make_alarm()),
      tasks_(executor) {}

std::function<bool(const std::string&)> RunQueue::asks_machine() const {
  return [this](const std::string& driver) { return machine_.is_driver_alive(driver); };
}

// Called on the writer's thread, which uses what is constant here.
store::DecidePlaces RunQueue::decide_for(std::set<std::string> mine) const {
  return [this, mine = std::move(mine)](const PlaceTable& table) {
    Alive is_alive(asks_machine());
    auto start = engine::decide_places(situation_of(table, options_.limits, is_alive)).start;
    std::erase_if(start, [&](const RunId& run) { return !mine.contains(run.text); });
    return start;
  };
}

Task<Result<store::StartedRun>> RunQueue::start(store::RunStart start) {
  const auto run = start.creation.run.text;
  const bool needs_none = needs_no_place(start);
  auto decide = needs_none ? store::DecidePlaces() : decide_for({run});
  auto started =
      co_await store_.places().start(std::move(start), std::move(decide), asks_machine());
  if (!started) co_return started;
  if (started->has_place) placed_.insert(run);
  if (needs_none) unlimited_.insert(run);
  wake_others(started->asked);
  co_return started;
}

bool RunQueue::needs_no_place(const Place& place) const {
  return engine::is_unlimited(wanted_by(place), options_.limits);
}

bool RunQueue::needs_no_place(const store::RunStart& start) const {
  const auto& created = std::get<history::RunCreated>(start.creation.events.front().detail);
  return needs_no_place(Place{.parent = created.parent, .flow = created.flow});
}

Task<> RunQueue::enter(RunId run, bool resume, std::function<bool()> given_up,
                       std::function<void()> waits) {
  if (stopping_ || placed_.contains(run.text) || unlimited_.erase(run.text) > 0) co_return;
  const auto place = co_await store_.places().find(run);
  if (!place || needs_no_place(*place)) co_return;
  // Its place, too, is another driver's by now: whoever drives the run here will learn that.
  if (place->owner != driver_) co_return;
  if (place->status == RunStatus::paused && !resume) co_return;
  if (!place->waits()) co_await store_.places().ask(run);
  waits();
  const Stay stay(waiters_, run.text);
  auto& waiter = waiters_[run.text];
  look();
  if (!std::exchange(serving_, true)) tasks_.spawn("run queue", serve());
  while (!waiter.has_place && !waiter.is_cancelled && !given_up() && !stopping_ && !fault_) {
    co_await changed_.wait();
  }
  if (waiter.has_place) placed_.insert(run.text);
  if (!waiter.has_place && fault_) std::rethrow_exception(fault_);
}

Task<> RunQueue::leave(RunId run) {
  if (placed_.erase(run.text) == 0) co_return;
  const auto place = co_await store_.places().find(run);
  if (place) co_await store_.places().give_back(run, driver_);
  wake_others(co_await store_.places().waiting_owners());
  serve_again();
}

Task<std::set<RunId>> RunQueue::runs_in_groups() {
  std::set<RunId> runs;
  for (const auto& place : (co_await store_.places().table()).places) {
    if (!place.flow.empty()) runs.insert(place.run);
  }
  co_return runs;
}

void RunQueue::look() {
  has_requests_ = true;
  serve_again();
}

void RunQueue::serve_again() {
  ++looks_;
  changed_.notify();
  looked_.notify();
}

Task<> RunQueue::stop() {
  stopping_ = true;
  alarm_->cancel();
  look();
  tasks_.cancel();
  co_await tasks_.join();
}

// For all waiting runs of this driver together, while there are any. A fault of the database is
// theirs to see.
Task<> RunQueue::serve() {
  fault_ = nullptr;
  try {
    while (!waiters_.empty() && !stopping_) {
      const auto looks = looks_;
      co_await serve_once();
      if (looks != looks_) continue;
      alarm_->set(limits::place_look_again, [this] { serve_again(); });
      co_await looked_.wait();
    }
  } catch (...) {
    fault_ = std::current_exception();
  }
  serving_ = false;
  changed_.notify();
}

// A cancel, as whoever drives the run will see it, too.
Task<> RunQueue::look_at_requests() {
  std::vector<std::string> runs;
  for (const auto& [run, waiter] : waiters_) runs.push_back(run);
  for (const auto& run : runs) {
    const auto pending = co_await store_.requests().pending({run});
    const bool is_cancelled = std::ranges::any_of(
        pending, [](const store::Request& request) { return request.kind == "cancel"; });
    const auto waiter = waiters_.find(run);
    if (is_cancelled && waiter != waiters_.end()) waiter->second.is_cancelled = true;
  }
  changed_.notify();
}

Task<> RunQueue::serve_once() {
  if (std::exchange(has_requests_, false)) co_await look_at_requests();
  std::set<std::string> mine;
  for (const auto& [run, waiter] : waiters_) {
    if (!waiter.has_place && !waiter.is_cancelled) mine.insert(run);
  }
  // Most of the time nothing has changed: that is seen without a transaction that writes.
  const auto table = co_await store_.places().table();
  Alive is_alive(asks_machine());
  const auto decision = engine::decide_places(situation_of(table, options_.limits, is_alive));
  tell(decision);
  const bool is_somebodys_turn = std::ranges::any_of(
      decision.start, [&](const RunId& run) { return mine.contains(run.text); });
  if (!is_somebodys_turn) co_return;
  for (const auto& run : co_await store_.places().give(decide_for(std::move(mine)))) {
    const auto waiter = waiters_.find(run.text);
    if (waiter == waiters_.end()) {
      co_await store_.places().give_back(run, driver_);  // it has given up meanwhile
    } else {
      waiter->second.has_place = true;
    }
  }
  changed_.notify();
}

void RunQueue::tell(const FlowDecision& decision) {
  if (options_.observer == nullptr) return;
  for (const auto& held_up : decision.wait) {
    const auto found = waiters_.find(held_up.run.text);
    if (found == waiters_.end()) continue;
    auto& waiter = found->second;
    if (waiter.position == held_up.position && waiter.reason == held_up.reason) continue;
    waiter.position = held_up.position;
    waiter.reason = held_up.reason;
    options_.observer->queued(held_up.run, held_up.position, held_up.reason);
  }
}

void RunQueue::wake_others(const std::vector<std::string>& owners) const {
  for (const auto& owner : owners) {
    if (owner != driver_) machine_.wake_driver(owner);
  }
}

Task<std::vector<QueuedRun>> queued_runs(store::Store& store, store::Home home, FlowLimits limits) {
  const auto table = co_await store.places().table();
  Alive is_alive([home](const std::string& driver) { return is_driver_alive(home, driver); });
  const auto decision = engine::decide_places(situation_of(table, limits, is_alive));
  std::vector<QueuedRun> start;
  std::vector<QueuedRun> wait;
  std::vector<QueuedRun> orphans;
  for (const auto& place : table.places) {
    if (is_alive(place.owner)) {
      const auto held_up = std::ranges::find(decision.wait, place.run, &engine::HeldUp::run);
      if (held_up != decision.wait.end()) {
        wait.push_back({place, held_up->position, held_up->reason});
      } else if (place.waits() && !place.begun) {
        start.push_back({place, 0, ""});
      }
    } else if (!place.begun) {
      orphans.push_back(
          {place, 0,
           fmt::format("no process executes it: agentcmd worker, or agentcmd runs resume {}",
                       place.run.text)});
    }
  }
  std::ranges::sort(wait, {}, &QueuedRun::position);
  std::ranges::move(wait, std::back_inserter(start));
  std::ranges::move(orphans, std::back_inserter(start));
  co_return start;
}

Task<std::optional<engine::QueuePlace>> place_in_queue(store::Store& store, store::Home home,
                                                       FlowLimits limits, RunId run) {
  const auto queued = co_await queued_runs(store, std::move(home), limits);
  const auto found =
      std::ranges::find_if(queued, [&](const QueuedRun& one) { return one.place.run == run; });
  if (found == queued.end()) co_return std::nullopt;
  co_return engine::QueuePlace{.place = found->position, .limit = found->reason};
}

}  // namespace agentcmd::runtime
