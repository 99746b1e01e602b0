// What a fork or a retry takes over from the workspace of another run.

#include "workspace/modes.h"
#include "workspace/names.h"
#include "workspace/snapshot.h"

#include <fmt/format.h>

namespace agentcmd::workspace {
namespace {

constexpr std::string_view before_retry = "before retry";

// Once: a repetition may find files that are put back half way.
Task<Result<void>> keep_present(Site site, std::filesystem::path worktree, std::string run) {
  const auto kept = co_await git::find_commit(site.repository(), snapshot_ref(run, before_retry));
  if (!kept) co_return tl::unexpected(kept.error());
  if (*kept) co_return Result<void>{};
  SnapshotRequest present{
      .folder = std::move(worktree), .run = std::move(run), .steps = {std::string(before_retry)}};
  const auto taken = co_await take_snapshot(site.executor, site.pool, std::move(present));
  if (!taken) co_return tl::unexpected(taken.error());
  co_return Result<void>{};
}

}  // namespace

Task<std::optional<Record>> former_record(Site site, WorkspaceRequest request) {
  if (!request.former || request.former->adopt.empty()) co_return std::nullopt;
  auto record = co_await read_record(site.pool, site.layout.common_dir, request.former->adopt);
  if (!record || record->workspace.mode != request.mode) co_return std::nullopt;
  co_return record;
}

Task<Result<void>> hand_over(Site site, WorkspaceRequest request) {
  auto record = co_await former_record(site, request);
  if (!record) co_return Result<void>{};
  FinalizeReport report;
  report.branch = record->workspace.branch;
  report.message = fmt::format("run {} goes on with it", request.run);
  if (record->stage == Stage::done && record->report == report) co_return Result<void>{};
  record->stage = Stage::done;
  record->report = std::move(report);
  co_return co_await write_record(site.pool, site.layout.common_dir, *std::move(record));
}

Task<Result<std::string>> free_fork_branch(Site site, std::string stem) {
  for (int number = 1;; ++number) {
    auto branch = fmt::format("{}-fork-{}", stem, number);
    const auto exists = co_await git::branch_exists(site.repository(), branch);
    if (!exists) co_return tl::unexpected(exists.error());
    if (!*exists) co_return branch;
  }
}

Task<Result<void>> restore_former(Site site, Record record, WorkspaceRequest request) {
  if (record.restore.empty()) co_return Result<void>{};
  const auto worktree = *record.workspace.worktree_path;
  if (request.former && !request.former->adopt.empty()) {
    auto kept = co_await keep_present(site, worktree, request.run);
    if (!kept) co_return kept;
  }
  co_return co_await restore_snapshot(site.executor, site.pool, worktree, record.restore);
}

}  // namespace agentcmd::workspace
