// Mode branch. Uncommitted changes of the user travel along, as `git switch` carries them, and are
// told apart from those of the run by what was noted before the switch.

#include "base/id.h"
#include "base/text.h"
#include "git/probe.h"
#include "workspace/modes.h"
#include "workspace/names.h"

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;

// The files that have uncommitted changes, with what is in them.
Task<Result<std::vector<CarriedFile>>> read_carried(Site site) {
  auto status = co_await git::read_status(site.repository());
  if (!status) co_return tl::unexpected(status.error());
  const auto top = site.layout.top_level;
  co_return co_await site.pool.run([top, entries = std::move(status->entries)] {
    std::vector<CarriedFile> carried;
    for (const auto& entry : entries) {
      carried.push_back({sha256_hex(entry.path), fingerprint(top / entry.path)});
    }
    return carried;
  });
}

// What the run has changed and not committed.
Task<Result<std::vector<git::StatusEntry>>> changes_of_run(Site site,
                                                           std::vector<CarriedFile> carried) {
  auto status = co_await git::read_status(site.repository());
  if (!status) co_return tl::unexpected(status.error());
  const auto top = site.layout.top_level;
  co_return co_await site.pool.run([top, carried, entries = std::move(status->entries)] {
    std::vector<git::StatusEntry> changes;
    for (const auto& entry : entries) {
      const CarriedFile file{sha256_hex(entry.path), fingerprint(top / entry.path)};
      if (std::ranges::find(carried, file) == carried.end()) changes.push_back(entry);
    }
    return changes;
  });
}

Task<Result<Record>> plan_switch(Site site, WorkspaceRequest request) {
  const auto plan = co_await plan_branch(site, request);
  if (!plan) co_return tl::unexpected(plan.error());
  auto carried = co_await read_carried(site);
  if (!carried) co_return tl::unexpected(carried.error());
  Record record;
  record.carried = std::move(*carried);
  auto& workspace = record.workspace;
  workspace.mode = Mode::branch;
  workspace.id = workspace_id(request.run, request.key);
  workspace.project = request.project;
  workspace.working_dir = request.project;
  workspace.branch = plan->branch;
  workspace.original_branch = plan->head.branch;
  workspace.original_commit = *plan->head.commit;
  workspace.base = plan->base;
  workspace.base_commit = plan->base_commit;
  co_return record;
}

// A run that has left changes of its own in the checkout has left its record open with them.
Task<Result<Record>> adopt_or_plan(Site site, WorkspaceRequest request) {
  auto former = co_await former_record(site, request);
  if (!former) co_return co_await plan_switch(site, std::move(request));
  if (former->stage == Stage::done) {
    const auto was = former->workspace;
    request.branch = was.branch;
    auto planned = co_await plan_switch(site, std::move(request));
    if (planned && !was.base_commit.empty()) {
      planned->workspace.base = was.base;
      planned->workspace.base_commit = was.base_commit;
    }
    co_return planned;
  }
  former->workspace.id = workspace_id(request.run, request.key);
  former->stage = Stage::begun;
  co_return *std::move(former);
}

Task<Result<void>> switch_to(Site site, Workspace workspace) {
  const auto there = co_await git::is_on_branch(site.repository(), workspace.branch);
  if (!there) co_return tl::unexpected(there.error());
  if (*there) co_return Result<void>{};
  const auto exists = co_await git::branch_exists(site.repository(), workspace.branch);
  if (!exists) co_return tl::unexpected(exists.error());
  if (*exists) co_return co_await git::switch_branch(site.repository(), workspace.branch);
  // From HEAD itself nothing in the tree changes, so that git has nothing to refuse.
  const bool from_head = workspace.base_commit == workspace.original_commit;
  co_return co_await git::switch_to_new_branch(site.repository(), workspace.branch,
                                               from_head ? std::string() : workspace.base_commit);
}

Task<Result<void>> restore(Site site, Workspace workspace) {
  if (workspace.original_branch) {
    co_return co_await git::switch_branch(site.repository(), *workspace.original_branch);
  }
  co_return co_await git::switch_detached(site.repository(), workspace.original_commit);
}

Task<Result<git::CommitOutcome>> commit_entries(git::Repository repository,
                                                std::vector<git::StatusEntry> changes,
                                                std::string message) {
  std::vector<std::string> paths;
  for (const auto& change : changes) {
    if (change.path.ends_with('/')) continue;  // a repository of its own
    paths.push_back(change.path);
    if (change.kind == git::EntryKind::renamed) paths.push_back(change.original_path);
  }
  co_return co_await git::commit_paths(std::move(repository), std::move(message), std::move(paths));
}

Task<Result<std::optional<std::string>>> commit_changes(Site site, Workspace workspace,
                                                        std::vector<git::StatusEntry> changes,
                                                        bool has_carried, std::string message) {
  if (changes.empty()) {
    co_return co_await git::find_made_commit(site.repository(), workspace.base_commit, message);
  }
  const auto made = has_carried
                        ? co_await commit_entries(site.repository(), std::move(changes), message)
                        : co_await git::commit_all(site.repository(), message);
  if (!made) co_return tl::unexpected(made.error());
  co_return made->commit;
}

// What the user had changed in this checkout before the run began to work in it.
Task<std::vector<CarriedFile>> carried_here(Site site, std::string run) {
  std::vector<CarriedFile> carried;
  for (const auto& record :
       co_await open_records(site.pool, site.layout.common_dir, std::move(run))) {
    if (record.carried.empty()) continue;
    const git::Repository repository{site.executor, record.workspace.project};
    const auto layout = co_await git::find_repository(repository);
    if (!layout || layout->top_level != site.layout.top_level) continue;
    carried.insert(carried.end(), record.carried.begin(), record.carried.end());
  }
  co_return carried;
}

bool is_back(const git::Head& head, const Workspace& workspace) {
  if (head.branch == workspace.branch) return false;
  return workspace.original_branch ? head.branch == workspace.original_branch
                                   : !head.branch && head.commit == workspace.original_commit;
}

// Why the checkout must stay on the run's branch; empty when it need not.
Task<Result<std::string>> reason_to_stay(Site site, git::Head head,
                                         std::vector<CarriedFile> carried,
                                         FinalizeRequest request) {
  if (request.preserve) co_return std::string("as asked for");
  const auto left = co_await changes_of_run(site, std::move(carried));
  if (!left) co_return tl::unexpected(left.error());
  if (!left->empty()) {
    co_return fmt::format("the run {} and left {} uncommitted",
                          request.outcome == Outcome::completed ? "completed"
                          : request.outcome == Outcome::failed  ? "failed"
                                                                : "was cancelled",
                          list_paths(*left));
  }
  const auto lost = co_await is_on_no_branch(site.repository(), head.commit.value_or("HEAD"));
  if (!lost) co_return tl::unexpected(lost.error());
  if (*lost) co_return std::string("its commits are on no branch");
  co_return std::string();
}

FinalizeReport stays(FinalizeReport report, const Workspace& workspace, std::string_view why) {
  const auto& back = workspace.original_branch;
  report.kept = true;
  report.message =
      fmt::format("the checkout stays on branch '{}': {}. Back with: git switch {}", report.branch,
                  why, back ? shell_quoted(*back) : "--detach " + workspace.original_commit);
  return report;
}

}  // namespace

Task<Result<Workspace>> setup_branch(Site site, WorkspaceRequest request) {
  auto record = co_await open_record(site, workspace_id(request.run, request.key), Mode::branch);
  if (!record) {
    auto planned = co_await adopt_or_plan(site, request);
    if (!planned) co_return tl::unexpected(planned.error());
    record = std::move(*planned);
    auto written = co_await write_record(site.pool, site.layout.common_dir, *record);
    if (!written) co_return tl::unexpected(written.error());
  }
  if (auto told = co_await hand_over(site, request); !told) co_return tl::unexpected(told.error());
  const auto workspace = record->workspace;
  if (record->stage != Stage::begun) co_return workspace;
  if (auto switched = co_await switch_to(site, workspace); !switched) {
    co_return tl::unexpected(switched.error());
  }
  record->stage = Stage::ready;
  auto written = co_await write_record(site.pool, site.layout.common_dir, *record);
  if (!written) co_return tl::unexpected(written.error());
  co_return workspace;
}

Task<Result<FinalizeReport>> finalize_branch(Site site, Workspace workspace,
                                             FinalizeRequest request) {
  const auto record = co_await open_record(site, workspace.id, Mode::branch);
  const auto carried = record ? record->carried : std::vector<CarriedFile>{};
  FinalizeReport report;
  const auto before = co_await git::read_head(site.repository());
  if (!before) co_return tl::unexpected(before.error());
  report.branch = before->branch.value_or(workspace.branch);
  const bool back = is_back(*before, workspace);
  if (back) report.branch = workspace.branch;

  std::string why;
  if (request.outcome == Outcome::completed && !back) {
    auto changes = co_await changes_of_run(site, carried);
    if (!changes) co_return tl::unexpected(changes.error());
    const auto commit = co_await commit_changes(site, workspace, std::move(*changes),
                                                !carried.empty(), commit_message(request));
    if (commit) {
      report.commit_sha = *commit;
    } else {
      why = commit.error().message;
    }
  }
  const auto tip = back ? "refs/heads/" + workspace.branch : std::string("HEAD");
  const auto stat = co_await git::diffstat(site.repository(), workspace.base_commit, tip);
  if (stat) report.diffstat = *stat;
  if (!back && why.empty()) {
    const auto head = co_await git::read_head(site.repository());
    if (!head) co_return tl::unexpected(head.error());
    const auto reason = co_await reason_to_stay(site, *head, carried, request);
    if (!reason) co_return tl::unexpected(reason.error());
    why = *reason;
  }
  if (!back && why.empty()) {
    const auto restored = co_await restore(site, workspace);
    if (!restored) why = restored.error().message;
  }
  if (!why.empty()) co_return stays(std::move(report), workspace, why);

  report.message =
      fmt::format("the work is on branch '{}'; the checkout is back on '{}'", report.branch,
                  workspace.original_branch.value_or(workspace.original_commit));
  Record done;
  done.stage = Stage::done;
  done.workspace = workspace;
  done.report = report;
  const auto written = co_await write_record(site.pool, site.layout.common_dir, done);
  if (!written) co_return tl::unexpected(written.error());
  co_return report;
}

Task<Result<git::CommitOutcome>> commit_work(git::Repository repository, BlockingPool& pool,
                                             std::string run, std::string message) {
  const auto layout = co_await git::find_repository(repository);
  if (!layout) co_return tl::unexpected(layout.error());
  const Site site{repository.executor, pool, *layout};
  const auto carried = co_await carried_here(site, std::move(run));
  if (carried.empty()) co_return co_await git::commit_all(repository, std::move(message));
  auto changes = co_await changes_of_run(site, carried);
  if (!changes) co_return tl::unexpected(changes.error());
  co_return co_await commit_entries(std::move(repository), std::move(*changes), std::move(message));
}

}  // namespace agentcmd::workspace
