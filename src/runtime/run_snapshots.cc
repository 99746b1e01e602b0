#include "runtime/run_snapshots.h"

#include "base/fault.h"
#include "engine/decide.h"
#include "runtime/run_actor.h"
#include "steps/step.h"
#include "workspace/snapshot.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace agentcmd::runtime {
namespace {

using history::StepKey;

constexpr std::array policies{
    std::pair{SnapshotPolicy::worktree, std::string_view("worktree")},
    std::pair{SnapshotPolicy::always, std::string_view("always")},
    std::pair{SnapshotPolicy::never, std::string_view("never")},
};

// The last two end the workspace: what is there then is what the run has come to.
constexpr std::array<std::string_view, 6> changing_types{
    "agent", "cli", "git", engine::closure_type, "finalizeWorkspace", "cleanupWorkspace"};

bool ends_workspace(std::string_view type) {
  return type == "finalizeWorkspace" || type == "cleanupWorkspace";
}

Json noted_snapshot(const std::optional<JsonText>& checkpoint) {
  if (!checkpoint) return nullptr;
  const auto data = parse_trusted(checkpoint->text, "checkpoint");
  return data.contains(std::string(snapshot_member)) ? data : Json();
}

JsonText checkpoint_of(const workspace::Snapshot& snapshot) {
  Json data{{snapshot_member, snapshot.commit}};
  if (!snapshot.left_out.empty()) data["leftOut"] = workspace::describe(snapshot.left_out);
  return {to_text(data)};
}

JsonText checkpoint_without() {
  return {to_text(Json{{snapshot_member, nullptr}})};
}

}  // namespace

std::string_view to_string(SnapshotPolicy policy) {
  for (const auto& [value, name] : policies) {
    if (value == policy) return name;
  }
  return {};
}

std::optional<SnapshotPolicy> snapshot_policy_from(std::string_view name) {
  for (const auto& [value, known] : policies) {
    if (known == name) return value;
  }
  return std::nullopt;
}

RunSnapshots::RunSnapshots(boost::asio::any_io_executor executor, Machine& machine,
                           history::RunId run, SnapshotPolicy policy)
    : executor_(executor),
      machine_(machine),
      run_(std::move(run)),
      policy_(policy),
      changed_(executor) {}

bool RunSnapshots::wanted(std::string_view type, std::string_view mode) const {
  if (policy_ == SnapshotPolicy::never || mode.empty()) return false;
  if (policy_ == SnapshotPolicy::worktree && mode != "worktree") return false;
  return std::ranges::find(changing_types, type) != changing_types.end();
}

// These hold however the work ends, also when the driver leaves in the middle of it.
struct RunSnapshots::UnderWay {
  RunSnapshots& all;
  StepKey step;
  ~UnderWay() {
    all.waiting_.erase(step);
    all.under_way_.erase(step);
    all.changed_.notify();
  }
};
struct RunSnapshots::Working {
  RunSnapshots& all;
  ~Working() {
    all.working_ = false;
    all.changed_.notify();
  }
};

Task<std::optional<RunSnapshots::Taken>> RunSnapshots::take(StepKey step,
                                                            std::filesystem::path folder) {
  if (done_.contains(step)) co_return std::nullopt;
  if (!under_way_.insert(step).second) {
    while (under_way_.contains(step)) co_await changed_.wait();
    co_return std::nullopt;
  }
  const UnderWay mark{*this, step};
  const auto request = std::make_shared<Request>(Request{.folder = std::move(folder), .taken = {}});
  waiting_[step] = request;
  while (!request->taken) {
    if (working_) {
      co_await changed_.wait();
    } else {
      co_await work_off();
    }
  }
  done_.insert(step);
  co_return std::move(request->taken);
}

// Takes those that wait now, the ones of a folder together.
Task<> RunSnapshots::work_off() {
  working_ = true;
  const Working mark{*this};
  // What else this turn of the loop starts is heard first.
  co_await boost::asio::post(executor_, use_task);
  const auto requests = waiting_;
  for (const auto& [first, of_first] : requests) {
    if (of_first->taken) continue;
    std::vector<std::string> steps;
    for (const auto& [step, request] : requests) {
      if (request->folder == of_first->folder) steps.push_back(step.text);
    }
    const auto taken = co_await take_for(std::move(steps), of_first->folder);
    for (const auto& [step, request] : requests) {
      if (request->folder == of_first->folder) request->taken = taken;
    }
  }
}

// A border: a snapshot is for later, and no reason to stop the work now.
Task<RunSnapshots::Taken> RunSnapshots::take_for(std::vector<std::string> steps,
                                                 std::filesystem::path folder) {
  std::string why;
  bool no_repository = false;
  try {
    auto snapshot =
        co_await machine_.take_snapshot({.folder = folder, .run = run_.text, .steps = steps});
    if (snapshot) {
      std::string warning;
      if (!snapshot->left_out.empty()) {
        warning = fmt::format("Not in the snapshots of this run's files: {}",
                              workspace::describe(snapshot->left_out));
      }
      co_return Taken{.checkpoint = checkpoint_of(*snapshot),
                      .warning = said_once(std::move(warning))};
    }
    why = snapshot.error().message;
    no_repository = snapshot.error().code == ErrorCode::not_found;
  } catch (const Fault& fault) {
    why = fault.what();
  } catch (const std::filesystem::filesystem_error& error) {
    why = error.what();
  }
  auto warning = fmt::format(
      "The files could not be kept before step '{}', so the run cannot be forked there: {}",
      steps.front(), why);
  co_return Taken{.checkpoint = checkpoint_without(),
                  .warning = std::move(warning),
                  .no_repository = no_repository};
}

std::string RunSnapshots::said_once(std::string warning) {
  if (warning == last_warning_) return {};
  last_warning_ = warning;
  return warning;
}

// --- The run's part.

Task<> RunActor::keep_files_before(steps::Step step) {
  // What a former driver has started without it changes files already.
  if (step.recovery && step.recovery->checkpoint) co_return;
  co_await keep_files(step.key);
  const auto mine = posted_;
  while (processed_ < mine) co_await committing_.wait();
}

// Posts the checkpoint of the running attempt. Nothing waits for its commit here: a closure that
// blocks the worker until its effect is done would wait for ever.
Task<> RunActor::keep_files(StepKey key) {
  const auto found = state_.steps.find(key);
  if (found == state_.steps.end() || !found->second.running) co_return;
  const auto& step = found->second;
  const auto mode = string_or(state_.facts, "mode");
  if (!snapshots_.wanted(step.type, mode)) co_return;
  if (!noted_snapshot(step.checkpoint).is_null()) co_return;
  const auto attempt = step.attempt;
  // A project need not be in a repository, and a workspace may be gone before it ends twice.
  const bool may_be_nowhere = mode != "worktree" || ends_workspace(step.type);
  if (const auto former = noted_snapshot(step.lost_checkpoint); !former.is_null()) {
    const Json data{{snapshot_member, former.at(std::string(snapshot_member))}};
    post({history::StepCheckpoint{.key = key, .attempt = attempt, .data = {to_text(data)}}});
    co_return;
  }
  auto taken = co_await snapshots_.take(key, state_.working_dir());
  if (!taken || (taken->no_repository && may_be_nowhere)) co_return;
  Details details{history::StepCheckpoint{
      .key = key, .attempt = attempt, .data = std::move(taken->checkpoint)}};
  if (!taken->warning.empty()) {
    details.emplace_back(
        history::Logged{.level = "warn", .phase = {}, .message = std::move(taken->warning)});
  }
  post(std::move(details));
}

}  // namespace agentcmd::runtime
