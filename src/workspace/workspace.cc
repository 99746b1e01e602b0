#include "workspace/workspace.h"

#include "base/log.h"
#include "base/text.h"
#include "git/discovery.h"
#include "git/head_file.h"
#include "workspace/exclude.h"
#include "workspace/modes.h"
#include "workspace/names.h"

#include <array>

namespace agentcmd::workspace {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr std::array mode_names{
    std::pair{Mode::stay, std::string_view("stay")},
    std::pair{Mode::branch, std::string_view("branch")},
    std::pair{Mode::worktree, std::string_view("worktree")},
};

Workspace untouched(const WorkspaceRequest& request) {
  Workspace workspace;
  workspace.mode = Mode::stay;
  workspace.id = workspace_id(request.run, request.key);
  workspace.project = request.project;
  workspace.working_dir = request.project;
  return workspace;
}

Workspace on(const git::Head& head, Workspace workspace) {
  workspace.branch = head.branch.value_or("");
  workspace.base = head.branch.value_or(head.commit.value_or(""));
  workspace.base_commit = head.commit.value_or("");
  return workspace;
}

// In mode stay a repository that cannot be written to is no obstacle.
Task<Result<Workspace>> setup_stay(asio::any_io_executor executor, BlockingPool& pool,
                                   WorkspaceRequest request) {
  auto workspace = untouched(request);
  const auto checkout = co_await git::read_checkout({executor, request.project});
  if (!checkout) co_return workspace;
  const auto common_dir = checkout->layout.common_dir;
  const auto excluded = co_await pool.run([common_dir] { return exclude_own_files(common_dir); });
  if (!excluded) log::warn("workspace.exclude_not_written", {{"reason", excluded.error().message}});
  co_return on(checkout->head, std::move(workspace));
}

Task<Result<FinalizeReport>> finalize_stay(asio::any_io_executor executor, Workspace workspace) {
  FinalizeReport report;
  report.kept = true;
  const git::Repository repository{executor, workspace.project};
  const auto head = co_await git::read_head(repository);
  if (!head || !head->commit) co_return report;
  report.branch = head->branch.value_or("");
  if (*head->commit == workspace.base_commit) co_return report;
  const auto stat = co_await git::diffstat(repository, workspace.base_commit, *head->commit);
  if (stat) report.diffstat = *stat;
  co_return report;
}

Result<void> check_request(const WorkspaceRequest& request) {
  const auto project = request.project.string();
  if (to_utf8(project) != project) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the path of the project '{}' is not UTF-8; rename the folder, or use "
                            "a symbolic link to it",
                            to_utf8(project)));
  }
  std::error_code ignored;
  if (!fs::is_directory(request.project, ignored)) {
    return fail(ErrorCode::not_found, fmt::format("no project folder '{}'", project));
  }
  return {};
}

}  // namespace

std::string_view to_string(Mode mode) {
  for (const auto& [value, name] : mode_names) {
    if (value == mode) return name;
  }
  return "stay";
}

Result<Mode> mode_from(std::string_view name) {
  for (const auto& [value, known] : mode_names) {
    if (known == name) return value;
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("no mode '{}'; there are stay, branch and worktree", to_utf8(name)));
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::failed:
      return "failed";
    case Outcome::cancelled:
      return "cancelled";
  }
  return {};
}

Json to_json(const Workspace& workspace) {
  Json json{{"mode", to_string(workspace.mode)},
            {"id", workspace.id},
            {"project", workspace.project.string()},
            {"workingDir", workspace.working_dir.string()},
            {"branch", workspace.branch},
            {"originalCommit", workspace.original_commit},
            {"base", workspace.base},
            {"baseCommit", workspace.base_commit}};
  if (workspace.worktree_path) json["worktreePath"] = workspace.worktree_path->string();
  if (workspace.worktree_name) json["worktreeName"] = *workspace.worktree_name;
  if (workspace.original_branch) json["originalBranch"] = *workspace.original_branch;
  return json;
}

Result<Workspace> workspace_from_json(const Json& json) {
  const auto mode = mode_from(string_or(json, "mode"));
  if (!mode) return tl::unexpected(mode.error());
  Workspace workspace;
  workspace.mode = *mode;
  workspace.id = string_or(json, "id");
  workspace.project = string_or(json, "project");
  workspace.working_dir = string_or(json, "workingDir");
  workspace.branch = string_or(json, "branch");
  workspace.original_commit = string_or(json, "originalCommit");
  workspace.base = string_or(json, "base");
  workspace.base_commit = string_or(json, "baseCommit");
  if (json.contains("worktreePath")) workspace.worktree_path = string_or(json, "worktreePath");
  if (json.contains("worktreeName")) workspace.worktree_name = string_or(json, "worktreeName");
  if (json.contains("originalBranch")) {
    workspace.original_branch = string_or(json, "originalBranch");
  }
  if (workspace.id.empty() || workspace.working_dir.empty()) {
    return fail(ErrorCode::invalid_argument, "a workspace needs an id and a workingDir");
  }
  return workspace;
}

Json to_json(const FinalizeReport& report) {
  Json json{{"kept", report.kept},
            {"removed", report.removed},
            {"message", report.message},
            {"branch", report.branch},
            {"diffstat",
             {{"files", report.diffstat.files},
              {"insertions", report.diffstat.insertions},
              {"deletions", report.diffstat.deletions}}}};
  if (report.commit_sha) json["commitSha"] = *report.commit_sha;
  return json;
}

std::map<std::string, std::string> workspace_environment(const Workspace& workspace) {
  if (!workspace.worktree_path) return {};
  return {{"GIT_CEILING_DIRECTORIES", workspace.worktree_path->parent_path().string()}};
}

std::string commit_message(const FinalizeRequest& request) {
  return fmt::format("chore: Workflow '{}' auto-commit", request.run_name);
}

std::string list_paths(const std::vector<git::StatusEntry>& entries) {
  constexpr std::size_t shown_max = 5;
  std::vector<std::string> shown;
  for (const auto& entry : entries) {
    if (shown.size() == shown_max) {
      shown.emplace_back("…");
      break;
    }
    shown.push_back(to_utf8(entry.path));
  }
  return fmt::format("{} path{} ({})", entries.size(), entries.size() == 1 ? "" : "s",
                     join(shown, ", "));
}

Task<Result<bool>> is_on_no_branch(git::Repository repository, std::string commit) {
  const auto branches = co_await git::branches_containing(std::move(repository), std::move(commit));
  if (!branches) co_return tl::unexpected(branches.error());
  const bool lost = branches->empty();
  co_return lost;
}

Task<std::optional<Record>> open_record(Site site, std::string id, Mode mode) {
  auto record = co_await read_record(site.pool, site.layout.common_dir, std::move(id));
  if (!record || record->stage == Stage::done || record->workspace.mode != mode) {
    co_return std::nullopt;
  }
  co_return record;
}

Task<Result<BranchPlan>> plan_branch(Site site, WorkspaceRequest request) {
  BranchPlan plan;
  const auto head = co_await git::read_head(site.repository());
  if (!head) co_return tl::unexpected(head.error());
  plan.head = *head;
  if (!head->commit) {
    co_return fail(
        ErrorCode::failed_precondition,
        fmt::format("the repository '{}' has no commit yet, so there is nothing to "
                    "start a branch from. Make one: git -C {} commit --allow-empty -m "
                    "init",
                    site.layout.top_level.string(), shell_quoted(site.layout.top_level.string())));
  }
  plan.base = !request.base.empty() ? request.base : head->branch.value_or(*head->commit);
  // HEAD itself where nothing else is asked for: a tag may have the branch's name.
  auto base = co_await git::find_commit(site.repository(),
                                        request.base.empty() ? *head->commit : request.base);
  if (!base) co_return tl::unexpected(base.error());
  if (!*base && !request.base.empty()) {
    base = co_await git::find_commit(site.repository(), "origin/" + request.base);
    if (!base) co_return tl::unexpected(base.error());
  }
  if (!*base) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("there is no branch, tag or commit '{}' to start from; `git branch "
                               "--all` lists the branches",
                               to_utf8(request.base)));
  }
  plan.base_commit = **base;

  const bool is_default = request.branch.empty() && request.worktree_name.empty();
  plan.branch = !request.branch.empty() ? request.branch : request.worktree_name;
  if (is_default) plan.branch = default_branch(request.run_name, request.run);
  if (auto named = co_await git::check_branch_name(site.repository(), plan.branch); !named) {
    co_return tl::unexpected(named.error());
  }
  const auto wanted = plan.branch;
  for (int suffix = 2;; ++suffix) {
    const auto exists = co_await git::branch_exists(site.repository(), plan.branch);
    if (!exists) co_return tl::unexpected(exists.error());
    plan.exists = *exists;
    // Only a name that nobody chose may be changed: a second workspace of one run.
    if (!plan.exists || !is_default) break;
    plan.branch = fmt::format("{}-{}", wanted, suffix);
  }
  if (plan.exists) {
    const auto tip = co_await git::find_commit(site.repository(), "refs/heads/" + plan.branch);
    if (!tip) co_return tl::unexpected(tip.error());
    plan.base_commit = tip->value_or(plan.base_commit);
  }
  co_return plan;
}

namespace {

Task<Result<git::Layout>> layout_for(asio::any_io_executor executor, WorkspaceRequest request) {
  auto layout = co_await git::find_repository({executor, request.project});
  if (layout) co_return layout;
  auto error = layout.error();
  error.message = fmt::format("mode {} needs a git repository: {}, or use --mode stay",
                              to_string(request.mode), error.message);
  co_return tl::unexpected(std::move(error));
}

}  // namespace

Task<Result<void>> check_workspace(asio::any_io_executor executor, BlockingPool& pool,
                                   WorkspaceRequest request) {
  if (auto checked = check_request(request); !checked) co_return tl::unexpected(checked.error());
  if (request.mode == Mode::stay) co_return Result<void>();
  const auto layout = co_await layout_for(executor, request);
  if (!layout) co_return tl::unexpected(layout.error());
  const Site site{executor, pool, *layout};
  const auto plan = co_await plan_branch(site, std::move(request));
  if (!plan) co_return tl::unexpected(plan.error());
  co_return Result<void>();
}

Task<Result<Workspace>> setup_workspace(asio::any_io_executor executor, BlockingPool& pool,
                                        WorkspaceRequest request) {
  if (auto checked = check_request(request); !checked) co_return tl::unexpected(checked.error());
  if (request.mode == Mode::stay) {
    co_return co_await setup_stay(executor, pool, std::move(request));
  }
  const auto layout = co_await layout_for(executor, request);
  if (!layout) co_return tl::unexpected(layout.error());
  const auto common_dir = layout->common_dir;
  const auto excluded = co_await pool.run([common_dir] { return exclude_own_files(common_dir); });
  if (!excluded) co_return tl::unexpected(excluded.error());
  const Site site{executor, pool, *layout};
  if (request.mode == Mode::branch) co_return co_await setup_branch(site, std::move(request));
  co_return co_await setup_worktree(site, std::move(request));
}

std::optional<Workspace> look_at_workspace(const WorkspaceRequest& request) {
  if (request.mode != Mode::stay || request.former || !check_request(request)) return std::nullopt;
  if (git::look_for_repository(request.project).kind == git::Trace::Kind::none) {
    return untouched(request);
  }
  const auto checkout = git::look_at_checkout(request.project);
  if (!checkout || !excludes_own_files(checkout->layout.common_dir)) return std::nullopt;
  return on(checkout->head, untouched(request));
}

std::optional<FinalizeReport> look_at_end(const Workspace& workspace) {
  if (workspace.mode != Mode::stay) return std::nullopt;
  FinalizeReport report;
  report.kept = true;
  if (git::look_for_repository(workspace.project).kind == git::Trace::Kind::none) return report;
  const auto checkout = git::look_at_checkout(workspace.project);
  if (!checkout || checkout->head.commit != workspace.base_commit) return std::nullopt;
  report.branch = checkout->head.branch.value_or("");
  return report;
}

Task<Result<FinalizeReport>> finalize_workspace(asio::any_io_executor executor, BlockingPool& pool,
                                                Workspace workspace, FinalizeRequest request) {
  if (workspace.mode == Mode::stay) co_return co_await finalize_stay(executor, workspace);
  const auto layout = co_await git::find_repository({executor, workspace.project});
  if (!layout) co_return tl::unexpected(layout.error());
  const Site site{executor, pool, *layout};

  // What is gone cannot be finalised again; what was kept may.
  const auto record = co_await read_record(pool, layout->common_dir, workspace.id);
  if (record && record->stage == Stage::done && record->report && !record->report->kept) {
    co_return *record->report;
  }
  if (workspace.mode == Mode::branch) {
    co_return co_await finalize_branch(site, std::move(workspace), std::move(request));
  }
  co_return co_await finalize_worktree(site, std::move(workspace), std::move(request));
}

}  // namespace agentcmd::workspace
