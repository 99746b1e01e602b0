#include "workspace/snapshot.h"

#include "base/limits.h"
#include "git/git.h"
#include "workspace/test_support.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;
using git::contents;
using git::write_file;

class SnapshotTest : public WorkspaceTest {
 protected:
  Snapshot take(const std::string& step = "step", fs::path folder = {}) {
    if (folder.empty()) folder = project_;
    auto snapshot = wait(take_snapshot(
        io_.get_executor(), pool_, {.folder = std::move(folder), .run = "r1", .steps = {step}}));
    EXPECT_TRUE(snapshot) << snapshot.error().message;
    return snapshot.value_or(Snapshot{});
  }

  std::string files_of(const Snapshot& snapshot) {
    return git(project_, {"ls-tree", "-r", "--name-only", snapshot.commit});
  }

  // A worktree whose files are made those of the snapshot.
  fs::path restored(const Snapshot& snapshot) {
    const auto path = root_ / "restored";
    git(project_, {"worktree", "add", "-q", "-b", "restored", path.string()});
    const auto done = wait(restore_snapshot(io_.get_executor(), pool_, path, snapshot.commit));
    EXPECT_TRUE(done) << done.error().message;
    return path;
  }
};

TEST_F(SnapshotTest, HoldsTheWholeStateAndChangesNothingThatTheUserSees) {
  write_file(project_ / ".gitignore", "ignored\n");
  write_file(project_ / "gone", "x\n");
  commit(project_, "second");
  write_file(project_ / "readme", "changed\n");
  write_file(project_ / "staged", "staged\n");
  git(project_, {"add", "staged"});
  write_file(project_ / "staged", "and changed\n");
  write_file(project_ / "new/Ünï çode", "new\n");
  write_file(project_ / "ignored", "secret\n");
  fs::remove(project_ / "gone");
  fs::create_symlink("readme", project_ / "link");
  const auto before = checkout();
  const auto refs = git(project_, {"for-each-ref", "refs/heads", "refs/tags", "refs/stash"});

  const auto snapshot = take("build/compile#2");

  EXPECT_EQ(checkout(), before);
  EXPECT_EQ(git(project_, {"for-each-ref", "refs/heads", "refs/tags", "refs/stash"}), refs);
  EXPECT_TRUE(snapshot.left_out.empty());
  EXPECT_EQ(git(project_,
                {"-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", snapshot.commit}),
            ".gitignore\nlink\nnew/Ünï çode\nreadme\nstaged");
  EXPECT_EQ(git(project_, {"show", snapshot.commit + ":staged"}), "and changed");
  EXPECT_EQ(git(project_, {"rev-parse", snapshot.commit + "^"}),
            git(project_, {"rev-parse", "HEAD"}));
  EXPECT_EQ(git(project_, {"rev-parse", "refs/agentcmd/r1/build%2Fcompile%232"}), snapshot.commit);
  EXPECT_TRUE(fs::is_empty(project_ / ".git/agentcmd")) << "no index of ours is left";
}

TEST_F(SnapshotTest, WhatDidNotChangeIsTheSameCommit) {
  write_file(project_ / "new", "new\n");
  EXPECT_EQ(take("one").commit, take("two").commit);
  git(project_, {"add", "new"});  // files and HEAD are as before
  const auto three = take("three");
  EXPECT_EQ(take("one").commit, three.commit);
  commit(project_, "second");
  EXPECT_NE(take("four").commit, three.commit) << "HEAD is another";
}

TEST_F(SnapshotTest, ACleanTreeNeedsNoIndexOfItsOwn) {
  const auto snapshot = take();
  EXPECT_EQ(git(project_, {"rev-parse", snapshot.commit + "^{tree}"}),
            git(project_, {"rev-parse", "HEAD^{tree}"}));
  EXPECT_FALSE(fs::exists(project_ / ".git/agentcmd"));
}

TEST_F(SnapshotTest, RestoringGivesTheFilesAsTheyWereAndHeadAsItWas) {
  write_file(project_ / "folder/file", "x\n");
  const auto head = commit(project_, "second");
  write_file(project_ / "readme", "changed\n");
  fs::permissions(project_ / "readme", fs::perms::owner_all);
  fs::remove_all(project_ / "folder");
  write_file(project_ / "folder", "now a file\n");
  write_file(project_ / "new/deep/file", "new\n");
  const auto snapshot = take();
  write_file(project_ / "later", "later\n");
  commit(project_, "third");

  const auto path = restored(snapshot);
  EXPECT_EQ(contents(path / "readme"), "changed\n");
  EXPECT_NE(fs::status(path / "readme").permissions() & fs::perms::owner_exec, fs::perms::none);
  EXPECT_EQ(contents(path / "folder"), "now a file\n");
  EXPECT_EQ(contents(path / "new/deep/file"), "new\n");
  EXPECT_FALSE(fs::exists(path / "later"));
  EXPECT_EQ(git(path, {"rev-parse", "HEAD"}), head);
  EXPECT_EQ(git(path, {"branch", "--show-current"}), "restored");
  EXPECT_EQ(git(path, {"diff", "--cached", "--name-only"}), "") << "nothing is staged";
  EXPECT_EQ(git(path, {"status", "--porcelain", "-uall"}),
            " D folder/file\n M readme\n?? folder\n?? new/deep/file");
}

TEST_F(SnapshotTest, RestoringRemovesWhatWasMadeSinceButNotWhatIsIgnored) {
  write_file(project_ / ".gitignore", "ignored\n");
  commit(project_, "second");
  const auto snapshot = take();
  write_file(project_ / "since", "since\n");
  write_file(project_ / "ignored", "kept\n");
  const auto time = fs::last_write_time(project_ / "readme");
  const auto done = wait(restore_snapshot(io_.get_executor(), pool_, project_, snapshot.commit));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(fs::exists(project_ / "since"));
  EXPECT_EQ(contents(project_ / "ignored"), "kept\n");
  EXPECT_EQ(fs::last_write_time(project_ / "readme"), time) << "nothing to do";
}

TEST_F(SnapshotTest, AFileBeyondALinkThatTookTheFoldersPlaceIsGone) {
  write_file(project_ / "folder/file", "x\n");
  write_file(project_ / "other/file", "other\n");
  commit(project_, "second");
  fs::remove_all(project_ / "folder");
  fs::create_symlink("other", project_ / "folder");
  EXPECT_EQ(files_of(take()), "folder\nother/file\nreadme");
}

TEST_F(SnapshotTest, ARepositoryWithoutACommitHasSnapshotsToo) {
  const auto empty = init("empty");
  EXPECT_FALSE(take("one", empty).commit.empty());
  write_file(empty / "new", "new\n");
  const auto snapshot = take("two", empty);
  EXPECT_EQ(git(empty, {"ls-tree", "--name-only", snapshot.commit}), "new");
  const auto done = wait(restore_snapshot(io_.get_executor(), pool_, empty, snapshot.commit));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.contains("no commit")) << done.error().message;
}

TEST_F(SnapshotTest, RepositoriesWithinAreLeftOut) {
  write_file(project_ / "new", "new\n");
  fs::create_directories(project_ / "nested");
  git(project_ / "nested", {"init", "-q"});
  write_file(project_ / "nested/file", "x\n");
  const auto snapshot = take();
  EXPECT_EQ(files_of(snapshot), "new\nreadme");
  ASSERT_EQ(snapshot.left_out.size(), 1U);
  EXPECT_EQ(snapshot.left_out[0].path, "nested/");
}

TEST_F(SnapshotTest, OfASubmoduleItsCommitIsKept) {
  make_repository("library");
  git(project_, {"submodule", "--quiet", "add", (root_ / "library").string(), "sub"});
  commit(project_, "with submodule");
  write_file(project_ / "sub/readme", "changed\n");
  git(project_ / "sub", {"commit", "-qam", "in the submodule"});
  write_file(project_ / "sub/readme", "changed again\n");
  const auto snapshot = take();
  EXPECT_EQ(git(project_, {"rev-parse", snapshot.commit + ":sub"}),
            git(project_ / "sub", {"rev-parse", "HEAD"}));
  ASSERT_EQ(snapshot.left_out.size(), 1U);
  EXPECT_EQ(describe(snapshot.left_out), "sub (a submodule: only which commit it is at is kept)");
}

TEST_F(SnapshotTest, FilesThatAFilterKeepsElsewhereComeBackThroughIt) {
  // As git-lfs does: what git stores is a stand-in.
  write_file(project_ / ".gitattributes", "*.big filter=upper\n");
  git(project_, {"config", "filter.upper.clean", "tr a-z A-Z"});
  git(project_, {"config", "filter.upper.smudge", "tr A-Z a-z"});
  write_file(project_ / "one.big", "content\n");
  commit(project_, "second");
  write_file(project_ / "one.big", "changed\n");
  write_file(project_ / "two.big", "new\n");
  const auto snapshot = take();
  EXPECT_EQ(git(project_, {"show", snapshot.commit + ":two.big"}), "NEW");
  const auto path = restored(snapshot);
  EXPECT_EQ(contents(path / "one.big"), "changed\n");
  EXPECT_EQ(contents(path / "two.big"), "new\n");
}

TEST_F(SnapshotTest, AFileThatIsTooLargeIsLeftOutAndNamed) {
  write_file(project_ / "huge", "");
  fs::resize_file(project_ / "huge", limits::snapshot_file_bytes_max + 1);
  write_file(project_ / "new", "new\n");
  const auto snapshot = take();
  EXPECT_EQ(files_of(snapshot), "new\nreadme");
  EXPECT_EQ(describe(snapshot.left_out), "huge (64 MiB; at most 64 MiB are kept)");
}

TEST_F(SnapshotTest, WhatCannotBeReadOrIsNoFileIsLeftOut) {
  write_file(project_ / "unreadable", "x\n");
  fs::permissions(project_ / "unreadable", fs::perms::none);
  fs::remove(project_ / "readme");
  ASSERT_EQ(::mkfifo((project_ / "readme").c_str(), 0600), 0);
  const auto snapshot = take();
  const bool is_root = ::geteuid() == 0;
  EXPECT_EQ(snapshot.left_out.size(), is_root ? 1U : 2U) << describe(snapshot.left_out);
  EXPECT_EQ(snapshot.left_out[0].path, "readme");
  EXPECT_EQ(files_of(snapshot), is_root ? "readme\nunreadable" : "readme");
}

TEST_F(SnapshotTest, AMergeInProgressIsKeptAsItLooks) {
  git(project_, {"switch", "-qc", "other"});
  write_file(project_ / "readme", "theirs\n");
  commit(project_, "theirs");
  git(project_, {"switch", "-q", "main"});
  write_file(project_ / "readme", "ours\n");
  commit(project_, "ours");
  (void)wait(git::run_git(at(project_), {"merge", "other"}, {.access = git::Access::write}));
  const auto snapshot = take();
  EXPECT_TRUE(git(project_, {"show", snapshot.commit + ":readme"}).contains("<<<<<<<"));
}

TEST_F(SnapshotTest, ASplitIndexStaysAsItIs) {
  git(project_, {"update-index", "--split-index"});
  write_file(project_ / "new", "new\n");
  const auto before = checkout();
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(project_ / ".git")) ++files;
  EXPECT_EQ(files_of(take()), "new\nreadme");
  EXPECT_EQ(checkout(), before);
  std::size_t files_now = 0;
  for (const auto& entry : fs::directory_iterator(project_ / ".git")) {
    if (entry.path().filename() != "agentcmd") ++files_now;
  }
  EXPECT_EQ(files_now, files) << "no shared index of ours";
}

TEST_F(SnapshotTest, WhatADeadOneLeftIsRemoved) {
  write_file(project_ / ".git/agentcmd/index-r1-1", "half an index");
  write_file(project_ / ".git/agentcmd/index-r1-1.lock", "");
  write_file(project_ / "new", "new\n");
  EXPECT_EQ(files_of(take()), "new\nreadme");
  EXPECT_TRUE(fs::is_empty(project_ / ".git/agentcmd"));
}

TEST_F(SnapshotTest, ForgettingARunsSnapshotsLeavesThoseOfOthers) {
  take("one");
  take("two");
  const auto other = wait(take_snapshot(io_.get_executor(), pool_,
                                        {.folder = project_, .run = "r12", .steps = {"one"}}));
  ASSERT_TRUE(other);
  EXPECT_EQ(wait(drop_snapshots(at(project_), "r1")).value(), 2U);
  EXPECT_EQ(wait(drop_snapshots(at(project_), "r1")).value(), 0U);
  EXPECT_EQ(git(project_, {"for-each-ref", "--format=%(refname)", "refs/agentcmd"}),
            "refs/agentcmd/r12/one");
}

TEST(SnapshotRef, KeysThatDifferHaveNamesThatDiffer) {
  EXPECT_EQ(snapshot_ref("r1", "a/b#2"), "refs/agentcmd/r1/a%2Fb%232");
  EXPECT_EQ(snapshot_ref("r1", "..lock."), "refs/agentcmd/r1/%2E%2Elock%2E");
  const std::string same(300, 'x');
  EXPECT_NE(snapshot_ref("r1", same + "1"), snapshot_ref("r1", same + "2"));
  EXPECT_LT(snapshot_ref("r1", same).size(), 255U);
}

// --- What a fork and a retry make of it.

class FormerWorkTest : public SnapshotTest {
 protected:
  // A run in a worktree that has failed: the worktree is kept, with a change that is not committed.
  Workspace failed_run() {
    auto made_request = request(Mode::worktree, "feat");
    const auto workspace = made(made_request);
    write_file(*workspace.worktree_path / "work", "half done\n");
    finalized(workspace, Outcome::failed);
    return workspace;
  }

  WorkspaceRequest retry_of(const Workspace& former, const std::string& snapshot = {}) {
    auto again = request(former.mode, "feat");
    again.run = "rnew";
    again.former = FormerWork{
        .snapshot = snapshot, .adopt = former.id, .stem = {}, .base = {}, .base_commit = {}};
    return again;
  }

  WorkspaceRequest fork_of(const std::string& snapshot) {
    auto fork = request(Mode::worktree, "feat");
    fork.run = "rfork";
    fork.former = FormerWork{
        .snapshot = snapshot, .adopt = {}, .stem = "feat", .base = "main", .base_commit = {}};
    return fork;
  }
};

TEST_F(FormerWorkTest, AForkHasAWorktreeOfItsOwnWithTheFilesAsTheyWere) {
  const auto former = failed_run();
  const auto snapshot = take("step", *former.worktree_path);
  write_file(*former.worktree_path / "work", "later\n");
  const auto before = checkout();
  const auto fork = made(fork_of(snapshot.commit));
  EXPECT_EQ(fork.branch, "feat-fork-1");
  EXPECT_EQ(contents(*fork.worktree_path / "work"), "half done\n");
  EXPECT_EQ(contents(*former.worktree_path / "work"), "later\n");
  EXPECT_EQ(checkout(), before);
  auto second = fork_of(snapshot.commit);
  second.run = "rother";
  EXPECT_EQ(made(second).branch, "feat-fork-2");
  EXPECT_EQ(made(fork_of(snapshot.commit)), fork) << "a repetition finds what it made";
}

TEST_F(FormerWorkTest, TheSetUpCommandFindsTheFilesAndDoesNotChangeThem) {
  write_file(project_ / ".agent/config.json",
             R"({"setup": "cp work seen-by-setup; echo changed > work; echo kept > ignored"})");
  write_file(project_ / ".gitignore", "ignored\n");
  commit(project_, "second");
  write_file(project_ / "work", "of the run\n");
  const auto snapshot = take();
  const auto fork = made(fork_of(snapshot.commit));
  EXPECT_EQ(contents(*fork.worktree_path / "work"), "of the run\n");
  EXPECT_EQ(contents(*fork.worktree_path / "ignored"), "kept\n");
  EXPECT_FALSE(fs::exists(*fork.worktree_path / "seen-by-setup")) << "it was not there then";
}

TEST_F(FormerWorkTest, AForkOfASnapshotThatIsGoneIsRefused) {
  const auto refused = setup(fork_of(std::string(40, '1')));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("gone")) << refused.error().message;
}

TEST_F(FormerWorkTest, ARetryGoesOnInTheWorktreeAsItIs) {
  const auto former = failed_run();
  const auto again = made(retry_of(former));
  EXPECT_EQ(again.worktree_path, former.worktree_path);
  EXPECT_EQ(again.branch, "feat");
  EXPECT_EQ(again.base_commit, former.base_commit);
  EXPECT_EQ(contents(*again.worktree_path / "work"), "half done\n");
  EXPECT_EQ(made(retry_of(former)), again) << "a repetition finds what it made";
  const auto report = finalized(again);
  EXPECT_TRUE(report.removed) << report.message;
  EXPECT_EQ(git(project_, {"show", "feat:work"}), "half done");
}

TEST_F(FormerWorkTest, ARetryMayPutTheFilesBackAndLosesNothingByIt) {
  const auto former = failed_run();
  const auto snapshot = take("step", *former.worktree_path);
  write_file(*former.worktree_path / "work", "spoilt\n");
  write_file(*former.worktree_path / "more", "more\n");
  const auto spoilt = commit(*former.worktree_path, "by the step that failed");
  const auto again = made(retry_of(former, snapshot.commit));
  EXPECT_EQ(contents(*again.worktree_path / "work"), "half done\n");
  EXPECT_FALSE(fs::exists(*again.worktree_path / "more"));
  EXPECT_EQ(git(*again.worktree_path, {"rev-parse", "feat"}), former.base_commit);
  EXPECT_EQ(git(project_, {"rev-parse", "refs/agentcmd/rnew/before%20retry^"}), spoilt);
  write_file(*again.worktree_path / "work", "new work\n");
  EXPECT_EQ(made(retry_of(former, snapshot.commit)), again);
  EXPECT_EQ(contents(*again.worktree_path / "work"), "new work\n") << "put back once";
}

TEST_F(FormerWorkTest, ARetryWhoseWorktreeIsGoneGoesOnWithItsBranch) {
  const auto former = failed_run();
  commit(*former.worktree_path, "work");
  git(project_, {"worktree", "remove", former.worktree_path->string()});
  const auto again = made(retry_of(former));
  EXPECT_EQ(again.branch, "feat");
  EXPECT_EQ(again.base_commit, former.base_commit);
  EXPECT_EQ(contents(*again.worktree_path / "work"), "half done\n");
}

TEST_F(FormerWorkTest, ARetryInModeBranchKnowsWhichChangesAreTheRuns) {
  write_file(project_ / "users", "the user's\n");
  const auto former = made(request(Mode::branch, "feat"));
  write_file(project_ / "work", "half done\n");
  finalized(former, Outcome::failed);
  const auto again = made(retry_of(former));
  const auto report = finalized(again);
  EXPECT_FALSE(report.kept) << report.message;
  EXPECT_EQ(git(project_, {"show", "--name-only", "--format=", "feat"}), "work");
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "main");
  EXPECT_EQ(contents(project_ / "users"), "the user's\n");
}

}  // namespace
}  // namespace agentcmd::workspace
