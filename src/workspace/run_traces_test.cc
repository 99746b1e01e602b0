#include "workspace/run_traces.h"

#include "workspace/test_support.h"

#include <gtest/gtest.h>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;

class RunTracesTest : public WorkspaceTest {
 protected:
  RunTraces traces() {
    auto found = wait(find_traces(io_.get_executor(), pool_, project_));
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(RunTraces{});
  }
  std::string unsaved() {
    const auto why = wait(unsaved_work(io_.get_executor(), pool_, traces(), run_));
    EXPECT_TRUE(why) << why.error().message;
    return why.value_or("");
  }
  Result<void> remove() { return wait(remove_traces(io_.get_executor(), pool_, traces(), run_)); }
  void commit_in(const fs::path& folder, const std::string& file) {
    git::write_file(folder / file, "work");
    git(folder, {"add", "."});
    git(folder, {"commit", "--quiet", "-m", "work on " + file});
  }

  const std::string run_ = "rabcdefghijk";
};

TEST_F(RunTracesTest, AMergedWorktreeGoesWithItsRecordAndItsSnapshotsAndTheBranchStays) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  commit_in(*workspace.worktree_path, "a");
  git(project_, {"merge", "--quiet", "feature"});
  git(project_, {"update-ref", "refs/agentcmd/" + run_ + "/first", "HEAD"});
  git(project_, {"update-ref", "refs/agentcmd/rother/first", "HEAD"});
  const auto before = traces();
  EXPECT_EQ(worktrees_of(before, run_).size(), 1U);
  EXPECT_EQ(before.snapshots.at(run_).size(), 1U);
  EXPECT_EQ(unsaved(), "");

  const auto removed = remove();
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(fs::exists(*workspace.worktree_path));
  const auto after = traces();
  EXPECT_FALSE(after.workspaces.contains(run_));
  EXPECT_FALSE(after.snapshots.contains(run_));
  EXPECT_TRUE(after.snapshots.contains("rother")) << "of another run";
  EXPECT_TRUE(git(project_, {"branch", "--list", "feature"}).contains("feature"));
  EXPECT_TRUE(remove()) << "a second time";
}

TEST_F(RunTracesTest, AWorktreeWithUncommittedChangesStays) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  git::write_file(*workspace.worktree_path / "untracked", "mine");
  EXPECT_TRUE(unsaved().contains("uncommitted changes: 1 path (untracked)")) << unsaved();
  EXPECT_FALSE(remove());
  EXPECT_TRUE(fs::exists(*workspace.worktree_path / "untracked"));
  EXPECT_TRUE(traces().workspaces.contains(run_));
}

TEST_F(RunTracesTest, AWorktreeWhoseCommitsNoOtherBranchHasStaysUntilTheyAreMerged) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  commit_in(*workspace.worktree_path, "a");
  EXPECT_TRUE(unsaved().contains("1 commit on branch 'feature' that no other branch")) << unsaved();
  EXPECT_FALSE(remove());
  EXPECT_TRUE(fs::exists(*workspace.worktree_path));
  git(project_, {"update-ref", "refs/remotes/origin/feature", "feature"});
  EXPECT_EQ(unsaved(), "") << "a remote has them";
  EXPECT_TRUE(remove());
  EXPECT_FALSE(fs::exists(*workspace.worktree_path));
}

TEST_F(RunTracesTest, ADetachedHeadWithCommitsOfItsOwnStays) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  git(*workspace.worktree_path, {"switch", "--quiet", "--detach"});
  commit_in(*workspace.worktree_path, "a");
  EXPECT_TRUE(unsaved().contains("1 commit that no other branch")) << unsaved();
}

TEST_F(RunTracesTest, ALockedWorktreeStays) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  git(project_, {"worktree", "lock", "--reason", "on a stick", workspace.worktree_path->string()});
  EXPECT_TRUE(unsaved().contains("locked (on a stick)")) << unsaved();
}

TEST_F(RunTracesTest, ARemovalThatWasCutOffIsFinished) {
  const auto workspace = made(request(Mode::worktree, "feature"));
  fs::remove_all(*workspace.worktree_path);  // and git still has its entry
  EXPECT_EQ(unsaved(), "");
  EXPECT_TRUE(remove());
  EXPECT_FALSE(traces().workspaces.contains(run_));
}

TEST_F(RunTracesTest, AProjectThatIsGoneOrHasNoRepositoryHasNone) {
  const auto gone = wait(find_traces(io_.get_executor(), pool_, project_ / "gone"));
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_FALSE(gone->layout);
  EXPECT_TRUE(wait(remove_traces(io_.get_executor(), pool_, *gone, run_)));
}

}  // namespace
}  // namespace agentcmd::workspace
