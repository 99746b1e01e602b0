// The driver's side of family.h.

#include "async/settled.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/why.h"
#include "history/history.h"
#include "runtime/local_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::RunId;

namespace {

// `request` is an object with at least one member.
JsonText with_members(const JsonText& request, const Json& more) {
  const auto rest = to_text(more).substr(1);
  const auto open = request.text.substr(0, request.text.rfind('}'));
  return {open + "," + rest};
}

}  // namespace

Task<bool> LocalDriver::is_too_deep(RunId parent) {
  for (unsigned depth = 1; depth < limits::invoke_depth_max; ++depth) {
    const auto row = co_await store_.catalog().find_run(parent.text);
    if (!row || row->parent.empty()) co_return false;
    parent = {row->parent};
  }
  co_return true;
}

Task<Result<store::RunAppend>> LocalDriver::prepare_child(Invocation invocation) {
  if (!options_.make_run) {
    co_return fail(ErrorCode::failed_precondition, "this driver cannot invoke workflows");
  }
  if (co_await is_too_deep(invocation.parent)) {
    co_return fail(ErrorCode::resource_exhausted,
                   fmt::format("workflow '{}' is not invoked: {} runs have invoked each other, one "
                               "the next. Look for workflows that invoke each other in a circle",
                               invocation.workflow, limits::invoke_depth_max));
  }
  auto run = co_await options_.make_run(invocation.project, invocation.workflow, invocation.args);
  if (!run) {
    co_return fail(run.error().code, fmt::format("workflow '{}' cannot be invoked: {}",
                                                 invocation.workflow, run.error().message));
  }
  if (!invocation.name.empty()) run->name = invocation.name;
  Json more{{"mode", invocation.within.empty() ? invocation.mode : "stay"}};
  if (!invocation.within.empty()) more["within"] = invocation.within;
  if (!invocation.agents.empty()) more["agents"] = invocation.agents;
  run->request = with_members(run->request, more);
  run->origin = "invoke";
  co_return first_append(*run,
                         {.parent = invocation.parent.text, .parent_key = invocation.key.text});
}

void LocalDriver::child_created(const store::RunAppend& child) {
  owned_[child.run] = child.owner;
  begin(child.run, false);
}

// A run that is being taken over must be driven, although the step that has asked for that may not
// be waited for any more.
Task<> LocalDriver::see_through(std::string name, Task<> work) {
  struct Seen {
    explicit Seen(const boost::asio::any_io_executor& executor) : changed(executor) {}
    Wakeup changed;
    std::optional<Settled<std::monostate>> ended;
  };
  if (stopping_) co_return;
  const auto seen = std::make_shared<Seen>(executor_);
  tasks_.spawn(std::move(name), [](std::shared_ptr<Seen> end, Task<> of) -> Task<> {
    end->ended = co_await settle(std::move(of));
    end->changed.notify();
  }(seen, std::move(work)));
  while (!seen->ended) co_await seen->changed.wait();
  seen->ended->take();
}

Task<> LocalDriver::look_after(RunId child) {
  auto work = take_care_of(child);
  co_await see_through("child " + child.text, std::move(work));
}

Task<> LocalDriver::take_care_of(RunId child) {
  if (owned_.contains(child)) {
    if (!sleepers_.contains(child)) begin(child, false);
    co_return;
  }
  const auto row = co_await store_.catalog().find_run(child.text);
  if (!row || store::is_terminal(row->status)) co_return;
  const bool is_left_alone = row->driver.empty() && row->status == store::RunStatus::waiting;
  if (row->status == store::RunStatus::paused ||
      (is_left_alone && !co_await has_something_to_do(child))) {
    held_[child] = co_await why_held(*row);
    co_return;
  }
  if (machine_->is_driver_alive(row->driver)) co_return;
  const auto adopted = co_await adopt(child);
  if (adopted) begin(child, false);
}

// Of a run that was let go since it waits for a person: whether somebody has asked for something,
// or its time has come.
Task<bool> LocalDriver::has_something_to_do(RunId run) {
  if (!(co_await store_.requests().pending(run)).empty()) co_return true;
  const auto now = clock_.now();
  co_return std::ranges::any_of(co_await store_.catalog().steps(run), [&](const auto& step) {
    return step.status == store::StepStatus::waiting && step.due_at && *step.due_at <= now;
  });
}

Task<std::optional<ChildEnd>> LocalDriver::end_of(RunId child) {
  if (owned_.contains(child)) co_return std::nullopt;
  const auto row = co_await store_.catalog().find_run(child.text);
  if (!row || !store::is_terminal(row->status)) co_return std::nullopt;
  held_.erase(child);
  auto last = co_await store_.log().read(child, row->events - 1);
  if (last.empty() || !history::is_end(last.back().detail)) co_return std::nullopt;
  co_return ChildEnd{.how = std::move(last.back().detail), .at = last.back().at};
}

std::optional<Held> LocalDriver::held(const RunId& child) const {
  const auto found = held_.find(child);
  return found == held_.end() ? std::nullopt : std::optional(found->second);
}

// Of a run that is no driver's.
Task<Held> LocalDriver::why_held(store::RunRow run) {
  if (run.status == store::RunStatus::paused) co_return Held{.paused = true, .why = run.reason};
  const auto state = engine::state_of(co_await store_.log().read(run.id, 0));
  co_return Held{.paused = false, .why = join(engine::open_gates(state), "\n")};
}

Task<> LocalDriver::cancel_child(RunId child, std::string by, bool force) {
  auto work = ask_to_cancel(child, std::move(by), force);
  co_await see_through("child " + child.text, std::move(work));
}

Task<> LocalDriver::ask_to_cancel(RunId child, std::string by, bool force) {
  const auto owner = co_await store_.log().owner(child);
  if (!owner) co_return;
  Json data{{"by", std::move(by)}};
  if (!force) data["once"] = true;
  store::Request request{
      .run = child, .kind = "cancel", .data = {to_text(data)}, .at = clock_.now()};
  co_await store_.requests().add(std::move(request));
  if (owned_.contains(child)) {
    begin(child, true);
    look_around();
  } else if (machine_->is_driver_alive(owner->driver)) {
    machine_->wake_driver(owner->driver);
  } else if (co_await adopt(child)) {
    begin(child, true);
  }
}

void LocalDriver::events_sent() {
  machine_->wake_all_drivers();
}

}  // namespace agentcmd::runtime
