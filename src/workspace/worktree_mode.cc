// Mode worktree. The order of what is done makes every crash harmless: the record names folder and
// branch before git makes them; nothing is removed before the record says that all is committed and
// proven to be reachable.

#include "base/fault.h"
#include "base/text.h"
#include "git/probe.h"
#include "git/trees.h"
#include "process/unique_fd.h"
#include "workspace/fresh_worktree.h"
#include "workspace/modes.h"
#include "workspace/names.h"

#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto setup_lock_max = 10min;
constexpr auto setup_lock_poll = 20ms;

// Runs choose their folders one after the other. Polled, because a thread of the pool that blocks
// here could be the one that the holder needs.
Task<Result<process::UniqueFd>> lock_setup(Site site) {
  const auto folder = site.layout.common_dir / "agentcmd";
  fs::create_directories(folder);
  const auto path = folder / "setup.lock";
  process::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) throw_errno("opening the lock '" + path.string() + "'", errno);
  const auto deadline = std::chrono::steady_clock::now() + setup_lock_max;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      throw_errno("locking '" + path.string() + "'", errno);
    if (std::chrono::steady_clock::now() > deadline) {
      co_return fail(ErrorCode::timed_out, "another run has been setting up its worktree for " +
                                               fmt::to_string(setup_lock_max.count()) + " minutes");
    }
    boost::asio::steady_timer timer(site.executor, setup_lock_poll);
    co_await timer.async_wait(use_task);
  }
  co_return file;
}

// The path of mode worktree that nobody has.
Task<Result<fs::path>> free_folder(Site site, fs::path parent, std::string name) {
  for (int suffix = 1;; ++suffix) {
    const auto path = parent / (suffix == 1 ? name : fmt::format("{}-{}", name, suffix));
    const auto gone = co_await git::is_worktree_gone(site.repository(), path);
    if (!gone) co_return tl::unexpected(gone.error());
    if (*gone) co_return path;
  }
}

Task<Result<void>> check_branch_is_free(Site site, std::string branch) {
  const auto worktrees = co_await git::list_worktrees(site.repository());
  if (!worktrees) co_return tl::unexpected(worktrees.error());
  for (const auto& entry : *worktrees) {
    if (entry.branch != branch) continue;
    co_return fail(ErrorCode::conflict,
                   fmt::format("branch '{}' is checked out in '{}', and git allows that only once. "
                               "Choose another branch, or {}",
                               branch, to_utf8(entry.path),
                               entry.prunable ? "forget that folder, which is gone: git worktree "
                                                "prune"
                                              : "switch or remove that working tree first"));
  }
  co_return Result<void>{};
}

// A fork begins where HEAD was, on a branch of its own.
Task<Result<WorkspaceRequest>> plan_fork(Site site, WorkspaceRequest request) {
  const auto& former = *request.former;
  const auto head = co_await git::parent_of(site.repository(), former.snapshot);
  if (!head) co_return tl::unexpected(head.error());
  if (!*head) {
    co_return fail(ErrorCode::failed_precondition,
                   fmt::format("the snapshot {} is gone from the repository, or was taken before "
                               "its first commit",
                               former.snapshot));
  }
  auto branch = co_await free_fork_branch(site, former.stem);
  if (!branch) co_return tl::unexpected(branch.error());
  request.branch = *std::move(branch);
  request.worktree_name.clear();
  request.base = former.base_commit.empty() ? **head : former.base_commit;
  co_return request;
}

Task<Result<Record>> plan_worktree(Site site, WorkspaceRequest request) {
  const auto former = request.former.value_or(FormerWork{});
  const bool is_fork = !former.snapshot.empty() && former.adopt.empty();
  if (is_fork) {
    auto fork = co_await plan_fork(site, request);
    if (!fork) co_return tl::unexpected(fork.error());
    request = *std::move(fork);
  }
  const auto plan = co_await plan_branch(site, request);
  if (!plan) co_return tl::unexpected(plan.error());
  if (plan->exists) {
    if (auto free = co_await check_branch_is_free(site, plan->branch); !free) {
      co_return tl::unexpected(free.error());
    }
  }
  const auto name =
      folder_name(request.worktree_name.empty() ? plan->branch : request.worktree_name);
  const auto path = co_await free_folder(site, request.project / ".worktrees", name);
  if (!path) co_return tl::unexpected(path.error());

  Record record;
  auto& workspace = record.workspace;
  workspace.mode = Mode::worktree;
  workspace.id = workspace_id(request.run, request.key);
  workspace.project = request.project;
  workspace.worktree_path = *path;
  workspace.worktree_name = path->filename().string();
  workspace.working_dir = site.layout.prefix.empty() ? *path : *path / site.layout.prefix;
  workspace.branch = plan->branch;
  workspace.original_branch = plan->head.branch;
  workspace.original_commit = *plan->head.commit;
  workspace.base = plan->base;
  workspace.base_commit = plan->base_commit;
  if (is_fork && !former.base.empty()) workspace.base = former.base;
  record.restore = former.snapshot;
  co_return record;
}

// The worktree of the former run, where it still stands. Where only its branch is left, a new
// worktree is planned for that.
Task<Result<Record>> adopt_or_plan(Site site, WorkspaceRequest request) {
  auto former = co_await former_record(site, request);
  if (!former) co_return co_await plan_worktree(site, std::move(request));
  const auto was = former->workspace;
  if (!co_await is_intact({site.executor, *was.worktree_path})) {
    request.branch = was.branch;
    request.worktree_name.clear();
    auto planned = co_await plan_worktree(site, std::move(request));
    if (planned && !was.base_commit.empty()) {
      planned->workspace.base = was.base;
      planned->workspace.base_commit = was.base_commit;
    }
    co_return planned;
  }
  former->workspace.id = workspace_id(request.run, request.key);
  former->report.reset();
  if (former->stage != Stage::begun) former->stage = Stage::ready;
  former->restore = request.former->snapshot;
  co_return *std::move(former);
}

Task<Result<void>> create_worktree(Site site, Workspace workspace) {
  const auto path = *workspace.worktree_path;
  const auto whole = co_await git::is_worktree_of(site.repository(), path, workspace.branch);
  if (!whole) co_return tl::unexpected(whole.error());
  if (*whole) co_return Result<void>{};
  const auto gone = co_await git::is_worktree_gone(site.repository(), path);
  if (!gone) co_return tl::unexpected(gone.error());
  if (!*gone) {
    // A checkout that was cut off. Nobody has worked in it: the record says that it was not ready.
    if (auto discarded = co_await discard_worktree(site, path); !discarded) co_return discarded;
  }
  const auto exists = co_await git::branch_exists(site.repository(), workspace.branch);
  if (!exists) co_return tl::unexpected(exists.error());
  git::NewWorktree worktree{.path = path, .branch = workspace.branch, .start = std::nullopt};
  if (!*exists) worktree.start = workspace.base_commit;
  co_return co_await git::add_worktree(site.repository(), std::move(worktree));
}

// Chooses and makes the worktree, or finds the one that an earlier call chose.
Task<Result<Record>> begin_worktree(Site site, WorkspaceRequest request) {
  const auto lock = co_await lock_setup(site);
  if (!lock) co_return tl::unexpected(lock.error());
  auto record = co_await open_record(site, workspace_id(request.run, request.key), Mode::worktree);
  if (record && record->stage != Stage::begun) {
    std::error_code ignored;
    if (fs::is_directory(*record->workspace.worktree_path, ignored)) co_return std::move(*record);
    co_return fail(ErrorCode::failed_precondition,
                   fmt::format("the worktree '{}' of this run is gone. Its branch is '{}'; bring "
                               "the worktree back with: git worktree prune && git worktree add {} "
                               "{}",
                               record->workspace.worktree_path->string(), record->workspace.branch,
                               shell_quoted(record->workspace.worktree_path->string()),
                               shell_quoted(record->workspace.branch)));
  }
  if (!record) {
    auto planned = co_await adopt_or_plan(site, request);
    if (!planned) co_return tl::unexpected(planned.error());
    record = std::move(*planned);
    auto written = co_await write_record(site.pool, site.layout.common_dir, *record);
    if (!written) co_return tl::unexpected(written.error());
  }
  if (auto told = co_await hand_over(site, request); !told) co_return tl::unexpected(told.error());
  if (record->stage != Stage::begun) co_return std::move(*record);
  if (auto created = co_await create_worktree(site, record->workspace); !created) {
    co_return tl::unexpected(created.error());
  }
  co_return std::move(*record);
}

// Why the worktree must not be removed; empty when it may.
Task<Result<std::string>> reason_to_keep(git::Repository worktree, git::Head head) {
  const auto status = co_await git::read_status(worktree);
  if (!status) co_return tl::unexpected(status.error());
  if (!status->is_clean()) {
    co_return list_paths(status->entries) + " in it could not be committed";
  }
  if (!head.commit) co_return std::string("its branch has no commit");
  const auto lost = co_await is_on_no_branch(worktree, *head.commit);
  if (!lost) co_return tl::unexpected(lost.error());
  if (*lost) {
    co_return fmt::format("its commits are on no branch (git branch NAME {} makes one)",
                          head.commit->substr(0, 12));
  }
  const auto submodule = co_await has_submodule_commits(worktree);
  if (!submodule) co_return tl::unexpected(submodule.error());
  if (*submodule) co_return std::string("a submodule has commits that no remote has");
  co_return std::string();
}

Task<Result<FinalizeReport>> finish(Site site, Workspace workspace, Stage stage,
                                    FinalizeReport report) {
  Record record;
  record.stage = stage;
  record.workspace = std::move(workspace);
  record.report = report;
  const auto written = co_await write_record(site.pool, site.layout.common_dir, record);
  if (!written) co_return tl::unexpected(written.error());
  co_return report;
}

FinalizeReport kept(FinalizeReport report, const Workspace& workspace, std::string_view why) {
  report.kept = true;
  report.message =
      fmt::format("worktree kept in '{}': {}", to_utf8(workspace.worktree_path->string()), why);
  return report;
}

Task<Result<FinalizeReport>> remove(Site site, Workspace workspace, FinalizeReport report) {
  report.removed = true;
  report.message = fmt::format("worktree removed; the work is on branch '{}'", report.branch);
  auto ending = co_await finish(site, workspace, Stage::ending, report);
  if (!ending) co_return ending;
  const auto path = *workspace.worktree_path;
  const auto gone = co_await git::is_worktree_gone(site.repository(), path);
  if (!gone) co_return tl::unexpected(gone.error());
  if (!*gone) {
    if (auto done = co_await discard_worktree(site, path); !done) {
      report.removed = false;
      co_return co_await finish(site, workspace, Stage::done,
                                kept(report, workspace, done.error().message));
    }
  }
  std::error_code ignored;
  fs::remove(path.parent_path(), ignored);  // only when empty
  co_return co_await finish(site, workspace, Stage::done, report);
}

// The worktree is not there, and not by us.
Task<Result<FinalizeReport>> report_missing(Site site, Workspace workspace) {
  FinalizeReport report;
  report.branch = workspace.branch;
  report.removed = true;
  report.message =
      fmt::format("worktree '{}' was gone already", to_utf8(workspace.worktree_path->string()));
  const auto stat = co_await git::diffstat(site.repository(), workspace.base_commit,
                                           "refs/heads/" + workspace.branch);
  if (stat) report.diffstat = *stat;
  co_return report;
}

// Commits what is left. The value is the commit, also one that an earlier call made.
Task<Result<std::optional<std::string>>> commit_rest(git::Repository worktree, Workspace workspace,
                                                     std::string message) {
  const auto made = co_await git::commit_all(worktree, message);
  if (!made) co_return tl::unexpected(made.error());
  if (made->commit) co_return made->commit;
  co_return co_await git::find_made_commit(worktree, workspace.base_commit, message);
}

}  // namespace

Task<Result<void>> discard_worktree(Site site, fs::path path) {
  const auto removed =
      co_await git::remove_worktree(site.repository(), path, git::Changes::discard);
  if (removed) co_return Result<void>{};
  const auto failure = co_await site.pool.run([path] {
    std::error_code error;
    fs::remove_all(path, error);
    return error;
  });
  if (failure) {
    co_return fail(ErrorCode::failed_precondition,
                   fmt::format("'{}' cannot be removed: {}", path.string(), failure.message()));
  }
  co_return co_await git::prune_worktrees(site.repository());
}

Task<Result<bool>> has_submodule_commits(git::Repository worktree) {
  std::error_code ignored;
  if (!fs::exists(worktree.path / ".gitmodules", ignored)) co_return false;
  std::vector<std::string> args{
      "submodule", "foreach", "--quiet", "--recursive",
      "git rev-list --max-count=1 HEAD --branches --not --remotes --tags"};
  const auto out = co_await git::git_output(std::move(worktree), std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  co_return !trim(*out).empty();
}

Task<bool> is_intact(git::Repository worktree) {
  const auto layout = co_await git::find_repository(worktree);
  if (!layout) co_return false;
  std::error_code ignored;
  co_return fs::equivalent(layout->top_level, worktree.path, ignored);
}

namespace {

// The set-up command finds the files as they were, and what it changes of them is put back.
Task<Result<void>> make_ready(Site site, Record record, WorkspaceRequest request) {
  const auto& workspace = record.workspace;
  auto restored = co_await restore_former(site, record, request);
  if (!restored || record.stage != Stage::begun) co_return restored;
  // The project may be a folder that its repository does not have.
  fs::create_directories(workspace.working_dir);
  auto fit =
      co_await make_fit_to_work(site.executor, site.pool, site.layout, workspace, request.env);
  if (!fit) co_return fit;
  co_return co_await restore_former(site, record, request);
}

}  // namespace

Task<Result<Workspace>> setup_worktree(Site site, WorkspaceRequest request) {
  auto record = co_await begin_worktree(site, request);
  if (!record) co_return tl::unexpected(record.error());
  const auto workspace = record->workspace;
  if (record->stage != Stage::begun && record->restore.empty()) co_return workspace;

  auto ready = co_await make_ready(site, *record, std::move(request));
  if (!ready) {
    ready.error().message += fmt::format(
        "\nThe worktree is kept in '{}'; remove it with: git "
        "worktree remove --force {}",
        workspace.worktree_path->string(), shell_quoted(workspace.worktree_path->string()));
    co_return tl::unexpected(ready.error());
  }
  record->stage = Stage::ready;
  record->restore.clear();
  const auto written = co_await write_record(site.pool, site.layout.common_dir, *record);
  if (!written) co_return tl::unexpected(written.error());
  co_return workspace;
}

Task<Result<FinalizeReport>> finalize_worktree(Site site, Workspace workspace,
                                               FinalizeRequest request) {
  const auto record = co_await open_record(site, workspace.id, Mode::worktree);
  if (record && record->stage == Stage::ending && record->report) {
    co_return co_await remove(site, std::move(workspace), *record->report);
  }
  const git::Repository worktree{site.executor, *workspace.worktree_path};
  if (!co_await is_intact(worktree)) {
    std::error_code ignored;
    if (!fs::exists(worktree.path, ignored)) {
      co_return co_await report_missing(site, std::move(workspace));
    }
    FinalizeReport report;
    report.branch = workspace.branch;
    co_return kept(report, workspace, "it is no working tree any more (its .git is damaged)");
  }

  FinalizeReport report;
  std::string why;
  if (request.outcome == Outcome::completed) {
    const auto commit = co_await commit_rest(worktree, workspace, commit_message(request));
    if (commit) {
      report.commit_sha = *commit;
    } else {
      why = commit.error().message;
    }
  } else {
    why =
        fmt::format("the run {}", request.outcome == Outcome::failed ? "failed" : "was cancelled");
    const auto status = co_await git::read_status(worktree);
    if (!status) co_return tl::unexpected(status.error());
    if (!status->is_clean()) why += "; not committed: " + list_paths(status->entries);
  }

  const auto head = co_await git::read_head(worktree);
  if (!head) co_return tl::unexpected(head.error());
  report.branch = head->branch.value_or(workspace.branch);
  if (head->commit) {
    const auto stat = co_await git::diffstat(worktree, workspace.base_commit, *head->commit);
    if (stat) report.diffstat = *stat;
  }
  if (why.empty() && request.preserve) why = "as asked for";
  if (why.empty()) {
    const auto reason = co_await reason_to_keep(worktree, *head);
    if (!reason) co_return tl::unexpected(reason.error());
    why = *reason;
  }
  if (why.empty()) co_return co_await remove(site, std::move(workspace), std::move(report));
  co_return kept(std::move(report), workspace, why);
}

}  // namespace agentcmd::workspace
