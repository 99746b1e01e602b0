// What a driver finds when it looks around: requests, events, children of its runs that others
// execute, and, where it keeps a home going, runs whose driver is gone. It looks when it is woken,
// and now and then, as a wake-up can be lost; each look is a query or two, however many runs there
// are.

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/local_driver.h"

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::RunId;

namespace {

bool asks_to_go_on(const store::Request& request) {
  return request.kind == "resume" || request.kind == "cancel";
}

}  // namespace

void LocalDriver::look_around() {
  look_again_ = true;
  if (looking_ || stopping_) return;
  looking_ = true;
  tasks_.spawn("driver.look", look());
}

void LocalDriver::arm_look() {
  const Milliseconds wait = keeping_ ? limits::keeper_look_max : limits::driver_look_max;
  look_alarm_->set(wait, [this] { look_around(); });
}

// A look that fails (disk full, database locked for too long) is made again later.
Task<> LocalDriver::look() {
  try {
    while (std::exchange(look_again_, false) && !stopping_) {
      co_await look_at_owners();
      co_await look_at_requests();
      co_await look_at_events();
      co_await look_at_foreign_children();
      if (keeping_) co_await adopt_all();
      if (keeping_ && keeping_->looked) keeping_->looked();
      wake_due();
    }
  } catch (const Fault& fault) {
    log::warn("driver.look_failed", {{"error", fault.what()}});
  }
  looking_ = false;
  if (!stopping_) arm_look();
}

// A driver may have been taken for dead. What only waits (at a gate, for a moment, for a child that
// sleeps here) would never append anything, and so never learn that its run goes on elsewhere.
Task<> LocalDriver::look_at_owners() {
  std::vector<store::Takeover> ours;
  std::set<RunId> awaited;
  for (const auto& child : sleepers_.children()) awaited.insert(child);
  for (const auto& [run, actor] : actors_) {
    ours.push_back({.run = run, .from = actor->owner()});
    for (const auto& child : actor->awaited_children()) awaited.insert(child);
  }
  for (const auto& child : awaited) {
    const auto owned = owned_.find(child);
    if (owned == owned_.end() || actors_.contains(child)) continue;
    ours.push_back({.run = child, .from = owned->second});
  }
  if (ours.empty()) co_return;
  std::vector<RunId> runs;
  runs.reserve(ours.size());
  for (const auto& one : ours) runs.push_back(one.run);
  const auto owners = co_await store_.log().owners(std::move(runs));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (owners[i] != ours[i].from) co_await lose(std::move(ours[i]));
  }
}

// One that is on its way to be driven learns it there. One that is ours again, at another term, is
// begun anew.
Task<> LocalDriver::lose(store::Takeover lost) {
  const auto actor = actors_.find(lost.run);
  if (actor != actors_.end()) {
    if (actor->second->owner() == lost.from) actor->second->lose();
    co_return;
  }
  const auto owned = owned_.find(lost.run);
  if (owned == owned_.end() || owned->second != lost.from) co_return;
  if (background_.contains(lost.run)) co_return;
  sleepers_.take(lost.run);
  owned_.erase(owned);
  co_await places_.leave(lost.run);
}

Task<> LocalDriver::look_at_requests() {
  places_.look();
  for (const auto& request : co_await store_.requests().all_pending()) {
    const auto actor = actors_.find(request.run);
    if (actor != actors_.end()) {
      actor->second->look_at_requests();
    } else if (sleepers_.contains(request.run)) {
      begin(request.run, asks_to_go_on(request));
    }
  }
}

Task<> LocalDriver::look_at_events() {
  if (!events_seen_) {
    events_seen_ = co_await store_.events().last();
    for (auto& [run, actor] : actors_) actor->look_for_events();
    for (const auto& run : sleepers_.waiting_for_any_event()) begin(run, false);
    co_return;
  }
  while (true) {
    const auto headings =
        co_await store_.events().since(*events_seen_, limits::event_headings_at_once);
    for (const auto& heading : headings) {
      for (auto& [run, actor] : actors_) {
        if (actor->waits_for_event(heading.project, heading.name)) actor->look_for_events();
      }
      for (const auto& run : sleepers_.waiting_for(heading.project, heading.name)) {
        begin(run, false);
      }
      events_seen_ = heading.id;
    }
    if (headings.size() < limits::event_headings_at_once) co_return;
  }
}

Task<> LocalDriver::look_at_foreign_children() {
  const auto is_foreign = [this](const RunId& child) { return !owned_.contains(child); };
  for (auto& [run, actor] : actors_) {
    if (std::ranges::any_of(actor->awaited_children(), is_foreign)) actor->look_at_children();
  }
  for (const auto& child : sleepers_.children()) {
    if (!is_foreign(child) || !co_await end_of(child)) continue;
    for (const auto& parent : sleepers_.parents_of(child)) begin(parent, false);
  }
}

Task<> LocalDriver::keep(KeepOptions options) {
  events_seen_ = co_await store_.events().last();
  keeping_ = std::move(options);
  const auto report = co_await adopt_all();
  if (keeping_->booted) keeping_->booted(report);
  look_around();
  while (!stopping_) co_await stopped_.wait();
}

// Runs whose driver is gone. A paused one waits for a person; it is taken only where one has asked.
Task<LocalDriver::Adoption> LocalDriver::adoptable() {
  Adoption adoption;
  for (const auto& request : co_await store_.requests().all_pending()) {
    if (asks_to_go_on(request)) adoption.wanted.insert(request.run);
  }
  std::map<std::string, bool> alive;
  auto project = keeping_->project;
  for (auto& run : co_await store_.catalog().live(std::move(project), presence_->driver())) {
    const auto [driver, is_new] = alive.try_emplace(run.driver, false);
    if (is_new) driver->second = machine_->is_driver_alive(run.driver);
    if (driver->second) continue;
    if (run.status == store::RunStatus::paused && !adoption.wanted.contains(run.id)) {
      ++adoption.paused;
    } else {
      adoption.runs.push_back(std::move(run));
    }
  }
  co_return adoption;
}

// Those that nobody else was faster with.
Task<std::vector<store::LiveRun>> LocalDriver::take_over(std::vector<store::LiveRun> runs) {
  std::vector<store::Takeover> wanted;
  wanted.reserve(runs.size());
  for (const auto& run : runs) {
    wanted.push_back({.run = run.id, .from = {.driver = run.driver, .term = run.term}});
  }
  const auto owners = co_await store_.log().take_over_all(std::move(wanted), presence_->driver());
  std::vector<store::LiveRun> taken;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!owners[i]) continue;
    owned_[runs[i].id] = *owners[i];
    held_.erase(runs[i].id);
    taken.push_back(std::move(runs[i]));
  }
  co_return taken;
}

// What sleeps is asked for once it is ours: from then on nobody else changes it. A sleeper that
// keeps others of its group waiting is begun, since its place was the former driver's.
Task<BootReport> LocalDriver::adopt_all() {
  auto adoption = co_await adoptable();
  BootReport report{.paused = adoption.paused};
  if (adoption.runs.empty()) co_return report;
  const auto taken = co_await take_over(std::move(adoption.runs));
  std::map<RunId, store::SleepingRun> asleep;
  for (auto& run : co_await store_.catalog().sleeping(presence_->driver())) {
    asleep.emplace(run.id, std::move(run));
  }
  const auto in_groups = co_await places_.runs_in_groups();
  const auto at = clock_.now();
  for (const auto& run : taken) {
    ++report.adopted;
    const auto found = asleep.find(run.id);
    const bool sleeps = found != asleep.end();
    const bool overdue = sleeps && found->second.due_at && *found->second.due_at <= at;
    const bool has_news = sleeps && std::ranges::any_of(found->second.waits, [](const auto& wait) {
                            return wait.last > wait.seen;
                          });
    if (overdue) ++report.overdue;
    if (!sleeps && run.status == store::RunStatus::running) ++report.attached;
    if (!sleeps || overdue || has_news || found->second.has_children ||
        adoption.wanted.contains(run.id) || in_groups.contains(run.id)) {
      begin(run.id, adoption.wanted.contains(run.id));
      continue;
    }
    ++report.asleep;
    Sleeper sleeper{.run = run.id, .project = run.project, .due = found->second.due_at};
    for (const auto& wait : found->second.waits) sleeper.events.push_back(wait.event);
    sleepers_.add(std::move(sleeper));
  }
  arm_sleepers();
  co_return report;
}

}  // namespace agentcmd::runtime
