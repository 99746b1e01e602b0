#pragma once
// A project with a repository, and calls as the runtime makes them.

#include "git/test_support.h"
#include "workspace/workspace.h"

#include <map>
#include <string>

namespace agentcmd::workspace {

class WorkspaceTest : public git::GitTest {
 protected:
  WorkspaceTest() : project_(make_repository("my pröject")) {}

  WorkspaceRequest request(Mode mode, const std::string& branch = {}) {
    return {.project = project_,
            .run = "rabcdefghijk",
            .key = {},
            .run_name = "Add Login",
            .mode = mode,
            .branch = branch,
            .base = {},
            .worktree_name = {}};
  }

  Result<Workspace> setup(WorkspaceRequest request) {
    return wait(setup_workspace(io_.get_executor(), pool_, std::move(request)));
  }

  // A set-up that must succeed.
  Workspace made(WorkspaceRequest request) {
    auto workspace = setup(std::move(request));
    EXPECT_TRUE(workspace) << workspace.error().message;
    return workspace.value_or(Workspace{});
  }

  FinalizeReport finalized(Workspace workspace, Outcome outcome = Outcome::completed,
                           bool preserve = false) {
    const FinalizeRequest request{outcome, preserve, "Add Login"};
    auto report =
        wait(finalize_workspace(io_.get_executor(), pool_, std::move(workspace), request));
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(FinalizeReport{});
  }

  // Everything that a run in mode worktree must leave alone: files with their times, index, HEAD,
  // stash, and the branch that is checked out.
  std::map<std::string, std::string> checkout() {
    namespace fs = std::filesystem;
    std::map<std::string, std::string> state;
    for (auto it = fs::recursive_directory_iterator(project_); it != fs::end(it); ++it) {
      const auto relative = fs::relative(it->path(), project_).string();
      if (relative == ".git" || relative == ".worktrees") {
        it.disable_recursion_pending();
        continue;
      }
      // The folder's own time changes as .worktrees is made in it.
      if (it->is_regular_file()) state[relative] = described(it->path());
    }
    for (const auto* name : {"index", "HEAD", "refs/stash", "logs/refs/stash", "logs/HEAD",
                             "config", "refs/heads/main", "ORIG_HEAD"}) {
      state[std::string(".git/") + name] = described(project_ / ".git" / name);
    }
    return state;
  }

  std::string described(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) return "absent";
    return git::contents(file) + "\n@" +
           std::to_string(std::filesystem::last_write_time(file).time_since_epoch().count());
  }

  std::filesystem::path project_;
  BlockingPool pool_{2};
};

}  // namespace agentcmd::workspace
