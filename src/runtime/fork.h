#pragma once
// Retry and fork: a new run that takes over from another what that had found out (engine/memo.h),
// and goes on with its files. Nothing ever follows a run's end, so neither changes the other run.
// Pure: a plan is made from a history; Driver::create() records it.
//
// Of the files, the request of the new run says in its member `files` what the steps that set
// workspaces up begin with (steps/workspace_steps.cc):
//   {"step", "snapshot", "branch", "base", "baseCommit"}: the workspace of that step is a worktree
//     with the files of the snapshot, on a new branch "<branch>-fork-N";
//   {"from": run}: each workspace is gone on in that the step of the same key had set up there;
//   {"from", "step", "snapshot"}: the same, with the files of the snapshot put into one of them.

#include "base/json.h"
#include "base/result.h"
#include "engine/memo.h"
#include "history/event.h"
#include "history/flow.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::runtime {

// Where a run comes from, as its first two events say it.
struct ForkOf {
  std::string origin;  // "fork" or "retry"
  history::RunId from;
  history::StepKey at;
  std::uint64_t seed = 0;
  JsonText memo;
};

// The first events of such a run.
std::vector<history::Detail> forked(history::RunCreated created, ForkOf fork);

struct ForkPlan {
  ForkOf fork;
  std::string definition;
  std::string file;
  std::string project;
  std::string name;
  Milliseconds timeout{0};  // NewRun, as the former run has it
  history::Flow flow;
  std::string code_hash;  // that the former run was pinned to at last
  JsonText args;
  JsonText request;
  std::optional<std::string> snapshot;  // that must be in the repository
  std::string left_out;                 // files that are not in it, for people
};

// The files that the new run begins with: as they were when the step was asked for, or as they are.
enum class Files { then, now };

// The key that `typed` means: itself, or the only one that ends with it. not_found and
// invalid_argument name those there are.
Result<history::StepKey> find_key(std::span<const history::Event> events, std::string_view typed);

// A new run from before `at`. failed_precondition where the files of that moment were not kept, or
// where `at` belongs to the run itself (its workspace); says what would work. `now` is for runs
// that worked in the project's own checkout.
Result<ForkPlan> plan_fork(history::RunId run, std::span<const history::Event> events,
                           history::StepKey at, Files files);

// The run again, from the step that it failed with, or from where it was cancelled.
// failed_precondition for a run that has not ended, or has completed.
Result<ForkPlan> plan_retry(history::RunId run, std::span<const history::Event> events,
                            Files files);

// `request` with other arguments.
JsonText with_args(const JsonText& request, const JsonText& args);

// What a history says of the files at one moment, or why it says nothing.
struct KeptFiles {
  std::string snapshot;
  std::string left_out;
};
// The snapshot of the files as they were when `at` was asked for: its own; or where it changed no
// files, the next one, if nothing has changed files in between.
Result<KeptFiles> files_before(std::span<const history::Event> events, const history::StepKey& at);

// The last snapshot of a run: what it has come to.
std::optional<std::string> last_snapshot(std::span<const history::Event> events);

// Keys that have a snapshot of their own, in the order in which they were asked for.
std::vector<std::string> keys_with_files(std::span<const history::Event> events);

}  // namespace agentcmd::runtime
