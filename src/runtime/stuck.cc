#include "runtime/stuck.h"

#include "base/fault.h"
#include "runtime/driver.h"
#include "runtime/ownership.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::runtime {

engine::WhyFacts facts_about(const store::Home& home, const store::RunRow& run,
                             const std::vector<history::Event>& events, Time now) {
  engine::WhyFacts facts{.run = run.id, .now = now};
  if (!events.empty()) facts.last_event_at = events.back().at;
  facts.driven = is_driver_alive(home, run.driver);
  if (!facts.driven) return facts;
  const int pid = driver_pid(home, run.driver);
  facts.driver = pid == 0 ? "driver " + run.driver : fmt::format("process {}", pid);
  return facts;
}

StuckCheck::StuckCheck(store::Store& store, store::Home home, const Clock& clock)
    : store_(store), home_(std::move(home)), clock_(clock) {}

Task<std::vector<StuckRun>> StuckCheck::check() {
  std::vector<StuckRun> stuck;
  std::map<std::string, bool> alive;
  auto former = std::exchange(known_, {});
  for (auto& run : co_await store_.catalog().unfinished()) {
    // One that nobody drives waits for a driver.
    const auto [driver, is_new] = alive.try_emplace(run.driver);
    if (is_new) driver->second = is_driver_alive(home_, run.driver);
    if (!driver->second) continue;
    const auto known = former.find(run.id);
    if (known != former.end() && is_fine(known->second, run.events)) {
      known_.insert(*known);
      continue;
    }
    const auto id = run.id;
    auto reasons = co_await look_at(std::move(run));
    if (!reasons.empty()) stuck.push_back({.run = id, .reasons = std::move(reasons)});
  }
  co_return stuck;
}

bool StuckCheck::is_fine(const Known& known, std::uint64_t events) const {
  if (known.events != events) return false;
  return !known.look_again_at || clock_.now() < *known.look_again_at;
}

Task<std::vector<std::string>> StuckCheck::look_at(store::RunRow run) {
  std::vector<history::Event> events;
  std::string damage;
  engine::RunState state;
  try {
    events = co_await store_.log().read(run.id, 0);
    state = engine::state_of(events);
  } catch (const Fault& fault) {
    damage = fault.what();
  }
  if (!damage.empty()) {
    // A paused run waits for somebody to mend it, and says so.
    if (run.status == store::RunStatus::paused) co_return std::vector<std::string>();
    co_return std::vector{"its history cannot be read: " + damage};
  }
  const auto now = clock_.now();
  auto facts = facts_about(home_, run, events, now);
  if (!state.started) {
    const auto place = co_await store_.places().find(run.id);
    if (place && place->waits()) facts.run_place = engine::QueuePlace{};
  }
  known_[run.id] = {.events = state.seq,
                    .look_again_at = engine::stuck_from(state, facts.last_event_at)};
  co_return engine::why(state, facts).stuck;
}

}  // namespace agentcmd::runtime
