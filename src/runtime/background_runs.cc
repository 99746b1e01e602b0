// Runs that a driver executes without anybody calling drive(): begun, put to sleep, woken, let go.

#include "base/limits.h"
#include "base/log.h"
#include "runtime/local_driver.h"

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::RunId;

namespace {

// A sleeper that is further away than this is looked at again on the way: the machine may have
// slept, or its clock been set.
constexpr auto sleepers_look_max = std::chrono::minutes(1);

// Calls back when its last holder is gone.
class AtEnd {
 public:
  explicit AtEnd(std::function<void()> end) : end_(std::move(end)) {}
  ~AtEnd() { end_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  std::function<void()> end_;
};

bool waits_for_a_person(const Driven& driven) {
  return driven.status == store::RunStatus::paused || driven.reason == "gate" ||
         driven.reason == "child";
}

}  // namespace

// A run that is on its way already has seen, or will see, whatever this call is about.
void LocalDriver::begin(RunId run, bool resume) {
  sleepers_.take(run);
  if (stopping_ || !owned_.contains(run) || !background_.insert(run).second) return;
  held_.erase(run);
  queue_.push_back({.run = std::move(run), .resume = resume});
  begin_queued();
}

// Bringing a run back costs the most: its history is read and its code replayed. What then only
// waits for a process or a person does not count.
void LocalDriver::begin_queued() {
  while (!queue_.empty() && waking_ < limits::runs_waking_max) {
    auto beginning = std::move(queue_.front());
    queue_.pop_front();
    ++waking_;
    auto waking = std::make_shared<AtEnd>([this] {
      --waking_;
      begin_queued();
    });
    auto name = "run " + beginning.run.text;
    runs_.spawn(std::move(name),
                drive_in_background(std::move(beginning), [waking]() mutable { waking.reset(); }));
  }
}

// The border of a run in the background.
Task<> LocalDriver::drive_in_background(Beginning beginning, std::function<void()> settled) {
  const auto run = beginning.run;
  auto& actor = actor_of(run, owned_.at(run));
  try {
    const auto is_called_off = [&actor] { return actor.is_called_off(); };
    co_await places_.enter(run, beginning.resume, is_called_off, [&settled] { settled(); });
    actor.let_sleep(std::move(settled));
    auto driven = co_await actor.drive(beginning.resume);
    while (driven && actor.asleep() && actor.has_news() && !stopping_) {
      driven = co_await actor.drive(false);
    }
    co_await settle_in_background(run, actor, std::move(driven));
  } catch (const std::exception& error) {
    log::error("run.not_executed", {{"run", run.text}, {"error", error.what()}});
    actors_.erase(run);
    background_.erase(run);
    try_again_later(run);
  }
}

Task<> LocalDriver::settle_in_background(RunId run, const RunActor& actor, Result<Driven> driven) {
  const auto parent = actor.parent();
  auto asleep = actor.asleep();
  auto asleep_with_children = actor.asleep_with_children();
  actors_.erase(run);
  if (!driven) {
    background_.erase(run);
    if (stopping_) co_return;
    // Another driver's now, or kept from going on by something that passes.
    const auto owner = co_await store_.log().owner(run);
    const auto ours = owned_.find(run);
    if (owner && ours != owned_.end() && *owner == ours->second) {
      log::warn("run.not_executed", {{"run", run.text}, {"error", driven.error().message}});
      try_again_later(run);
    } else {
      owned_.erase(run);
      co_await places_.leave(run);
      look_around();  // its parent may wait for it here
    }
    co_return;
  }
  if (!asleep) co_await places_.leave(run);
  if (store::is_terminal(driven->status)) {
    owned_.erase(run);
    background_.erase(run);
    tell_family(run, parent);
  } else if (asleep) {
    background_.erase(run);
    fall_asleep(*std::move(asleep));
  } else if (waits_for_a_person(*driven)) {
    held_[run] = {.paused = driven->status == store::RunStatus::paused, .why = driven->message};
    // A person can do nothing for a run whose child waits for one; whoever took it over would only
    // find that child, and let both go again.
    if (!asleep_with_children) co_await release(run);
    background_.erase(run);
    if (asleep_with_children) {
      fall_asleep(*std::move(asleep_with_children));
    } else if (owned_.contains(run)) {
      begin(run, false);  // taken again while it was being let go
    }
    tell_family(run, parent);
  } else {
    background_.erase(run);
  }
  if (keeping_ && keeping_->settled && !asleep) keeping_->settled(run, *driven);
}

// Whoever answers it, or resumes it, may have it.
Task<> LocalDriver::release(RunId run) {
  const auto owned = owned_.find(run);
  if (owned == owned_.end()) co_return;
  const auto released = owned->second;
  // Ours until that is on disk: where it cannot be written, it is tried again.
  co_await store_.log().take_over(run, released, "");
  // Whoever keeps the home going may have found it at once, and that may be us.
  const auto now = owned_.find(run);
  if (now != owned_.end() && now->second == released) owned_.erase(now);
}

void LocalDriver::fall_asleep(Sleeper sleeper) {
  const auto run = sleeper.run;
  // A child that ended while the run was on its way to bed has told nobody.
  const bool all_live = std::ranges::all_of(
      sleeper.children, [this](const RunId& child) { return owned_.contains(child); });
  sleepers_.add(std::move(sleeper));
  if (!all_live) look_around();
  arm_sleepers();
}

void LocalDriver::try_again_later(const RunId& run) {
  if (stopping_ || !owned_.contains(run)) return;
  sleepers_.add({.run = run, .due = clock_.now() + limits::run_retry_wait});
  arm_sleepers();
}

// The run has ended, or waits for a person: its parent may be here, or anywhere.
void LocalDriver::tell_family(const RunId& run, const std::string& parent) {
  if (parent.empty()) return;
  const auto here = actors_.find({parent});
  if (here != actors_.end()) here->second->look_at_children();
  for (const auto& sleeping : sleepers_.parents_of(run)) begin(sleeping, false);
  if (!owned_.contains({parent})) machine_->wake_all_drivers();
}

void LocalDriver::arm_sleepers() {
  const auto next = sleepers_.next();
  if (!next || stopping_) return;
  const auto wait =
      std::clamp<Milliseconds>(*next - clock_.now(), Milliseconds(0), sleepers_look_max);
  sleepers_alarm_->set(wait, [this] { wake_due(); });
}

void LocalDriver::wake_due() {
  for (const auto& run : sleepers_.due(clock_.now())) begin(run, false);
  arm_sleepers();
}

}  // namespace agentcmd::runtime
