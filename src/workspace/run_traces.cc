#include "workspace/run_traces.h"

#include "base/fault.h"
#include "base/text.h"
#include "git/probe.h"
#include "git/trees.h"
#include "workspace/modes.h"
#include "workspace/names.h"
#include "workspace/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::workspace {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr std::string_view snapshots_of_all = "refs/agentcmd";

Task<Result<std::map<std::string, std::vector<std::string>>>> list_snapshots(
    git::Repository repository) {
  const auto refs = co_await git::list_refs(std::move(repository), std::string(snapshots_of_all));
  if (!refs) co_return tl::unexpected(refs.error());
  std::map<std::string, std::vector<std::string>> snapshots;
  for (const auto& ref : *refs) {
    const auto below = ref.substr(snapshots_of_all.size() + 1);
    snapshots[below.substr(0, below.find('/'))].push_back(ref);
  }
  co_return snapshots;
}

bool has_worktree(const Record& record) {
  std::error_code ignored;
  return record.workspace.worktree_path && fs::exists(*record.workspace.worktree_path, ignored);
}

// Commits of HEAD that would be on no branch and on no remote but the worktree's own branch, which
// may be deleted by whoever thinks that it was merged.
Task<Result<std::string>> unmerged_commits(git::Repository worktree, git::Head head) {
  std::vector<std::string> args{"rev-list", "--count", *head.commit, "--not"};
  if (head.branch) args.push_back("--exclude=" + *head.branch);
  for (const auto* all : {"--branches", "--remotes"}) args.emplace_back(all);
  // --exclude holds for the next of them only, which is --branches.
  const auto out = co_await git::git_output(worktree, std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  const auto count = std::string(trim(*out));
  if (count == "0") co_return std::string();
  co_return fmt::format(
      "{} commit{}{} that no other branch and no remote has: merge or push, or "
      "remove the worktree yourself: git worktree remove",
      count, count == "1" ? "" : "s",
      head.branch ? fmt::format(" on branch '{}'", *head.branch) : "");
}

Task<Result<std::string>> unsaved_in(Site site, Record record) {
  const git::Repository worktree{site.executor, *record.workspace.worktree_path};
  if (!co_await is_intact(worktree)) {
    co_return std::string("it is no working tree any more: look at it and delete it yourself");
  }
  const auto entry = co_await git::find_worktree(site.repository(), worktree.path);
  if (!entry) co_return tl::unexpected(entry.error());
  if (*entry && (*entry)->locked) {
    co_return fmt::format("it is locked ({}): git worktree unlock",
                          (*entry)->locked->empty() ? "no reason given" : *(*entry)->locked);
  }
  const auto status = co_await git::read_status(worktree);
  if (!status) co_return tl::unexpected(status.error());
  if (!status->is_clean()) {
    co_return "it has uncommitted changes: " + list_paths(status->entries);
  }
  const auto head = co_await git::read_head(worktree);
  if (!head) co_return tl::unexpected(head.error());
  if (!head->commit) co_return std::string();
  auto unmerged = co_await unmerged_commits(worktree, *head);
  if (!unmerged || !unmerged->empty()) co_return unmerged;
  const auto submodule = co_await has_submodule_commits(worktree);
  if (!submodule) co_return tl::unexpected(submodule.error());
  co_return std::string(*submodule ? "a submodule has commits that no remote has" : "");
}

Task<Result<void>> remove_workspace(Site site, Record record) {
  if (has_worktree(record)) {
    const auto path = *record.workspace.worktree_path;
    const auto why = co_await unsaved_in(site, record);
    if (!why) co_return tl::unexpected(why.error());
    if (!why->empty()) {
      co_return fail(ErrorCode::failed_precondition,
                     fmt::format("worktree '{}' stays: {}", to_utf8(path.string()), *why));
    }
    if (auto done = co_await discard_worktree(site, path); !done) co_return done;
    std::error_code ignored;
    fs::remove(path.parent_path(), ignored);  // only when empty
  }
  co_await remove_record(site.pool, site.layout.common_dir, record.workspace.id);
  co_return Result<void>{};
}

template <typename Value>
Value of_run(const std::map<std::string, Value>& all, const std::string& run) {
  const auto found = all.find(run);
  return found == all.end() ? Value() : found->second;
}

}  // namespace

Task<Result<RunTraces>> find_traces(asio::any_io_executor executor, BlockingPool& pool,
                                    fs::path project) {
  RunTraces traces;
  auto layout = co_await git::find_repository({executor, project});
  if (!layout) {
    if (layout.error().code == ErrorCode::not_found) co_return traces;
    co_return tl::unexpected(layout.error());
  }
  traces.layout = *std::move(layout);
  for (auto& record : co_await all_records(pool, traces.layout->common_dir)) {
    const auto run = record.workspace.id.substr(0, record.workspace.id.find('-'));
    traces.workspaces[run].push_back(std::move(record));
  }
  auto snapshots = co_await list_snapshots({executor, traces.layout->top_level});
  if (!snapshots) co_return tl::unexpected(snapshots.error());
  traces.snapshots = *std::move(snapshots);
  co_return traces;
}

std::vector<fs::path> worktrees_of(const RunTraces& traces, const std::string& run) {
  std::vector<fs::path> paths;
  for (const auto& record : of_run(traces.workspaces, run)) {
    if (has_worktree(record)) paths.push_back(*record.workspace.worktree_path);
  }
  return paths;
}

Task<Result<std::string>> unsaved_work(asio::any_io_executor executor, BlockingPool& pool,
                                       RunTraces traces, std::string run) {
  if (!traces.layout) co_return std::string();
  const Site site{executor, pool, *traces.layout};
  for (const auto& record : of_run(traces.workspaces, run)) {
    if (!has_worktree(record)) continue;
    const auto why = co_await unsaved_in(site, record);
    if (!why) co_return tl::unexpected(why.error());
    if (why->empty()) continue;
    co_return fmt::format("its worktree '{}' stays: {}",
                          to_utf8(record.workspace.worktree_path->string()), *why);
  }
  co_return std::string();
}

Task<Result<void>> remove_traces(asio::any_io_executor executor, BlockingPool& pool,
                                 RunTraces traces, std::string run) {
  if (!traces.layout) co_return Result<void>{};
  const Site site{executor, pool, *traces.layout};
  for (const auto& record : of_run(traces.workspaces, run)) {
    if (auto done = co_await remove_workspace(site, record); !done) co_return done;
  }
  if (!traces.snapshots.contains(run)) co_return Result<void>{};
  const auto dropped = co_await drop_snapshots(site.repository(), run);
  if (!dropped) co_return tl::unexpected(dropped.error());
  co_return Result<void>{};
}

}  // namespace agentcmd::workspace
