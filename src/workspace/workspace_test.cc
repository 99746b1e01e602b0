#include "workspace/workspace.h"

#include "base/text.h"
#include "workspace/checkout_lock.h"
#include "workspace/exclude.h"
#include "workspace/record.h"
#include "workspace/test_support.h"

#include <future>
#include <set>
#include <thread>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;
using git::contents;
using git::write_file;

class Stay : public WorkspaceTest {};
class Worktree : public WorkspaceTest {};
class Branch : public WorkspaceTest {};

TEST_F(Stay, WorksInTheProjectAndCommitsNothing) {
  write_file(project_ / "readme", "mine\n");
  const auto before = checkout();
  const auto workspace = made(request(Mode::stay, "ignored"));
  EXPECT_EQ(workspace.working_dir, project_);
  EXPECT_EQ(workspace.branch, "main");
  const auto report = finalized(workspace);
  EXPECT_EQ(report.commit_sha, std::nullopt);
  EXPECT_EQ(checkout(), before);
}

TEST_F(Stay, NeedsNoRepositoryAndNoCommit) {
  auto asked = request(Mode::stay);
  asked.project = root_;
  EXPECT_EQ(made(asked).branch, "");
  asked.project = init("empty");
  EXPECT_EQ(made(asked).base_commit, "");
  asked.project = root_ / "nowhere";
  EXPECT_EQ(setup(asked).error().code, ErrorCode::not_found);
}

// A short run must not spend its time on git.
TEST_F(Stay, AsksGitNothingThatTheDiskSays) {
  auto outside = request(Mode::stay);
  outside.project = root_ / "outside";
  fs::create_directories(outside.project);
  made(request(Mode::stay));
  const git::CountedGit counted(root_);
  {
    const auto lock =
        wait(lock_checkout(io_.get_executor(), pool_, project_, Mode::stay, "rabcdefghijk"));
    ASSERT_TRUE(lock && lock->holds());
    finalized(made(request(Mode::stay)));
  }
  EXPECT_EQ(counted.calls().size(), 0U) << join(counted.calls(), "\n");
  ASSERT_TRUE(wait(lock_checkout(io_.get_executor(), pool_, outside.project, Mode::stay, "r2")));
  finalized(made(outside));
  EXPECT_EQ(counted.calls().size(), 0U) << join(counted.calls(), "\n");
}

TEST_F(Stay, ReportsWhatTheRunCommitted) {
  const auto workspace = made(request(Mode::stay));
  write_file(project_ / "new", "a\nb\n");
  commit(project_, "second");
  EXPECT_EQ(finalized(workspace).diffstat, (git::Diffstat{1, 2, 0}));
}

TEST_F(Worktree, TheUsersCheckoutIsUnchangedByteForByte) {
  write_file(project_ / "stashed", "x");
  git(project_, {"add", "stashed"});
  git(project_, {"stash", "push", "--quiet"});
  write_file(project_ / "readme", "changed, not staged\n");
  write_file(project_ / "staged", "x");
  git(project_, {"add", "staged"});
  write_file(project_ / "touched", "x");
  git(project_, {"add", "touched"});
  write_file(project_ / "touched", "x");  // its time in the index is old: a refresh would write
  write_file(project_ / "dir/untracked", "x");
  const auto before = checkout();

  const auto workspace = made(request(Mode::worktree, "feat/lögin"));
  EXPECT_EQ(workspace.working_dir, project_ / ".worktrees/feat-lögin");
  EXPECT_EQ(contents(workspace.working_dir / "readme"), "one\ntwo\nthree\n");
  EXPECT_FALSE(fs::exists(workspace.working_dir / "staged"));
  write_file(workspace.working_dir / "new", "a\nb\n");
  const auto report = finalized(workspace);

  EXPECT_EQ(checkout(), before);
  EXPECT_TRUE(report.removed) << report.message;
  EXPECT_EQ(report.branch, "feat/lögin");
  EXPECT_EQ(report.diffstat, (git::Diffstat{1, 2, 0}));
  EXPECT_EQ(report.commit_sha, git(project_, {"rev-parse", "feat/lögin"}));
  EXPECT_EQ(git(project_, {"log", "-1", "--format=%s", "feat/lögin"}),
            "chore: Workflow 'Add Login' auto-commit");
  EXPECT_FALSE(fs::exists(project_ / ".worktrees"));
}

TEST_F(Worktree, SettingUpAgainFindsTheSameOneAndFinalisingAgainGivesTheSameReport) {
  const auto first = made(request(Mode::worktree));
  EXPECT_EQ(first.branch, "agentcmd/add-login-rabcdefg");
  write_file(first.working_dir / "new", "x");
  EXPECT_EQ(made(request(Mode::worktree)), first);
  EXPECT_EQ(*workspace_from_json(to_json(first)), first);
  EXPECT_TRUE(fs::exists(first.working_dir / "new"));
  const auto report = finalized(first);
  EXPECT_TRUE(report.removed);
  EXPECT_EQ(finalized(first), report);
}

TEST_F(Worktree, ACrashAtAnyPointOfSetUpIsHarmless) {
  const auto first = made(request(Mode::worktree, "feat/x"));
  const auto record = project_ / ".git/agentcmd/workspaces/rabcdefghijk.json";
  const auto begun = [&] {
    auto text = contents(record);
    const auto at = text.find("\"ready\"");
    ASSERT_NE(at, std::string::npos);
    write_file(record, text.replace(at, 7, "\"begun\""));
  };
  begun();  // made, but not fit to work
  EXPECT_EQ(made(request(Mode::worktree, "feat/x")), first);
  begun();  // the checkout was cut off before its index was written
  fs::remove(project_ / ".git/worktrees/feat-x/index");
  fs::remove(first.working_dir / "readme");
  EXPECT_EQ(made(request(Mode::worktree, "feat/x")), first);
  EXPECT_TRUE(fs::exists(first.working_dir / "readme"));
  begun();  // only the branch was made
  git(project_, {"worktree", "remove", "--force", first.working_dir.string()});
  EXPECT_EQ(made(request(Mode::worktree, "feat/x")), first);
  begun();  // nothing was made
  git(project_, {"worktree", "remove", "--force", first.working_dir.string()});
  git(project_, {"branch", "-D", "feat/x"});
  EXPECT_EQ(made(request(Mode::worktree, "feat/x")), first);
}

TEST_F(Worktree, ACrashDuringRemovalIsFinishedByARepetition) {
  const auto workspace = made(request(Mode::worktree, "feat/x"));
  write_file(workspace.working_dir / "new", "x");
  const auto report = finalized(workspace);
  const auto record = project_ / ".git/agentcmd/workspaces/rabcdefghijk.json";
  auto text = contents(record);
  write_file(record, text.replace(text.find("\"done\""), 6, "\"ending\""));
  git(project_, {"worktree", "add", "--quiet", workspace.working_dir.string(), "feat/x"});
  fs::remove(workspace.working_dir / ".git");  // half removed
  EXPECT_EQ(finalized(workspace), report);
  EXPECT_FALSE(fs::exists(workspace.working_dir));
  EXPECT_FALSE(git(project_, {"worktree", "list"}).contains("feat-x"));
}

TEST_F(Worktree, StartsAtTheBaseThatIsAskedFor) {
  const auto base = git(project_, {"rev-parse", "HEAD"});
  git(project_, {"branch", "stable"});
  write_file(project_ / "later", "x");
  commit(project_, "later");
  auto asked = request(Mode::worktree, "fix");
  asked.base = "stable";
  const auto workspace = made(asked);
  EXPECT_EQ(workspace.base_commit, base);
  EXPECT_EQ(workspace.base, "stable");
  EXPECT_FALSE(fs::exists(workspace.working_dir / "later"));
  asked = request(Mode::worktree, "fix2");
  asked.run = "rother";
  asked.base = "no-such";
  EXPECT_EQ(setup(asked).error().code, ErrorCode::not_found);
  asked.base = "--orphan";
  EXPECT_EQ(setup(asked).error().code, ErrorCode::invalid_argument);
}

TEST_F(Worktree, AnExistingBranchIsGoneOnWithUnlessItIsInUse) {
  git(project_, {"branch", "feat"});
  const auto workspace = made(request(Mode::worktree, "feat"));
  EXPECT_EQ(workspace.branch, "feat");
  auto other = request(Mode::worktree, "feat");
  other.run = "rother";
  auto refused = setup(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_TRUE(refused.error().message.contains(workspace.working_dir.string()));
  other.branch = "main";
  refused = setup(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
}

TEST_F(Worktree, ATakenFolderGivesASuffix) {
  write_file(project_ / ".worktrees/feat-x/mine", "x");
  const auto workspace = made(request(Mode::worktree, "feat/x"));
  EXPECT_EQ(workspace.working_dir, project_ / ".worktrees/feat-x-2");
  EXPECT_EQ(workspace.worktree_name, "feat-x-2");
  EXPECT_TRUE(fs::exists(project_ / ".worktrees/feat-x/mine"));
}

TEST_F(Worktree, SeveralOfOneRunAreKeptApartByTheirSteps) {
  const auto one = made(request(Mode::worktree));
  auto asked = request(Mode::worktree);
  asked.key = "build/two";
  const auto two = made(asked);
  EXPECT_NE(one.working_dir, two.working_dir);
  EXPECT_EQ(two.branch, one.branch + "-2");
  asked.key = "build/three";
  asked.worktree_name = "named";
  EXPECT_EQ(made(asked).working_dir, project_ / ".worktrees/named");
}

TEST_F(Worktree, RunsAtTheSameTimeGetFoldersOfTheirOwn) {
  std::vector<std::future<Result<Workspace>>> futures;
  for (int i = 0; i < 4; ++i) {
    auto asked =
        request(Mode::worktree, "a/b" + std::string(static_cast<std::size_t>(i), '-') + "c");
    asked.run = "r" + std::to_string(i);
    asked.worktree_name = "same";
    futures.push_back(boost::asio::co_spawn(io_, setup_workspace(io_.get_executor(), pool_, asked),
                                            boost::asio::use_future));
  }
  io_.restart();
  io_.run();
  std::set<fs::path> folders;
  for (auto& future : futures) {
    const auto workspace = future.get();
    ASSERT_TRUE(workspace) << workspace.error().message;
    folders.insert(workspace->working_dir);
  }
  EXPECT_EQ(folders.size(), 4U);
}

TEST_F(Worktree, FailedAndCancelledRunsKeepItAndCommitNothing) {
  for (const auto outcome : {Outcome::failed, Outcome::cancelled}) {
    auto asked = request(Mode::worktree);
    asked.run = "r" + std::string(to_string(outcome));
    const auto workspace = made(asked);
    write_file(workspace.working_dir / "half done", "x");
    const auto report = finalized(workspace, outcome);
    EXPECT_TRUE(report.kept);
    EXPECT_FALSE(report.removed);
    EXPECT_TRUE(report.message.contains("half done")) << report.message;
    EXPECT_TRUE(fs::exists(workspace.working_dir / "half done"));
    EXPECT_EQ(git(project_, {"rev-parse", workspace.branch}), workspace.base_commit);
  }
}

TEST_F(Worktree, PreserveCommitsAndKeeps) {
  const auto workspace = made(request(Mode::worktree));
  write_file(workspace.working_dir / "new", "x");
  const auto report = finalized(workspace, Outcome::completed, true);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.commit_sha);
  EXPECT_TRUE(fs::exists(workspace.working_dir / "new"));
  EXPECT_EQ(finalized(workspace, Outcome::completed, true), report);
}

TEST_F(Worktree, IsKeptWhereRemovalWouldLoseSomething) {
  const auto detached = made(request(Mode::worktree, "a"));
  git(detached.working_dir, {"switch", "--quiet", "--detach"});
  write_file(detached.working_dir / "new", "x");
  auto report = finalized(detached);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.message.contains("on no branch")) << report.message;

  auto asked = request(Mode::worktree, "b");
  asked.run = "rb";
  const auto nested = made(asked);
  fs::create_directories(nested.working_dir / "cloned");
  git(nested.working_dir / "cloned", {"init", "--quiet"});
  write_file(nested.working_dir / "cloned/file", "x");
  report = finalized(nested);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.message.contains("cloned/")) << report.message;

  asked = request(Mode::worktree, "c");
  asked.run = "rc";
  const auto hooked = made(asked);
  write_file(project_ / ".git/hooks/pre-commit", "#!/bin/sh\necho no >&2; exit 1\n");
  fs::permissions(project_ / ".git/hooks/pre-commit", fs::perms::owner_all);
  write_file(hooked.working_dir / "new", "x");
  report = finalized(hooked);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(fs::exists(hooked.working_dir / "new"));
}

TEST_F(Worktree, WithoutItsGitFileNothingOfTheUsersIsCommitted) {
  const auto workspace = made(request(Mode::worktree));
  write_file(project_ / "mine", "x");
  const auto before = checkout();
  fs::remove(workspace.working_dir / ".git");
  const auto report = finalized(workspace);
  EXPECT_TRUE(report.kept) << report.message;
  EXPECT_EQ(checkout(), before);
  EXPECT_FALSE(wait(git::is_repository(at(workspace.working_dir))));
  EXPECT_EQ(workspace_environment(workspace).at("GIT_CEILING_DIRECTORIES"),
            (project_ / ".worktrees").string());
}

TEST_F(Worktree, TheBranchThatAStepSwitchedToIsTheOneReported) {
  const auto workspace = made(request(Mode::worktree));
  git(workspace.working_dir, {"switch", "--quiet", "-c", "feat/by-step"});
  write_file(workspace.working_dir / "new", "x");
  const auto report = finalized(workspace);
  EXPECT_TRUE(report.removed) << report.message;
  EXPECT_EQ(report.branch, "feat/by-step");
  EXPECT_EQ(git(project_, {"show", "feat/by-step:new"}), "x");
}

TEST_F(Worktree, OneThatTheUserRemovedIsNoError) {
  const auto workspace = made(request(Mode::worktree));
  git(project_, {"worktree", "remove", workspace.working_dir.string()});
  EXPECT_TRUE(finalized(workspace).removed);
}

TEST_F(Worktree, WorksFromADetachedHeadASubfolderAndALinkedWorktree) {
  git(project_, {"switch", "--quiet", "--detach"});
  EXPECT_EQ(made(request(Mode::worktree, "one")).base, git(project_, {"rev-parse", "HEAD"}));

  write_file(project_ / "packages/app ä/file", "x");
  commit(project_, "app");
  auto asked = request(Mode::worktree, "two");
  asked.run = "rtwo";
  asked.project = project_ / "packages/app ä";
  const auto sub = made(asked);
  EXPECT_EQ(sub.working_dir, asked.project / ".worktrees/two/packages/app ä");
  EXPECT_EQ(contents(sub.working_dir / "file"), "x");
  EXPECT_EQ(git(project_, {"status", "--porcelain"}), "");

  git(project_, {"worktree", "add", "--quiet", "-b", "side", (root_ / "side").string()});
  asked = request(Mode::worktree, "three");
  asked.run = "rthree";
  asked.project = root_ / "side";
  const auto linked = made(asked);
  EXPECT_EQ(linked.working_dir, root_ / "side/.worktrees/three");
  EXPECT_EQ(git(root_ / "side", {"status", "--porcelain"}), "");
  write_file(linked.working_dir / "new", "x");
  EXPECT_TRUE(finalized(linked).removed);
}

TEST_F(Worktree, WhatCannotWorkSaysTheWayOut) {
  auto asked = request(Mode::worktree);
  asked.project = root_;
  auto refused = setup(asked);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("--mode stay")) << refused.error().message;

  asked.project = init("empty");
  refused = setup(asked);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("commit --allow-empty")) << refused.error().message;

  fs::create_directories(root_ / "bare");
  git(root_ / "bare", {"init", "--quiet", "--bare"});
  asked.project = root_ / "bare";
  EXPECT_EQ(setup(asked).error().code, ErrorCode::failed_precondition);

  EXPECT_EQ(setup(request(Mode::worktree, "-b")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(setup(request(Mode::worktree, "a..b")).error().code, ErrorCode::invalid_argument);
}

TEST_F(Worktree, IgnoredFilesThatAreNamedAreThere) {
  write_file(project_ / ".gitignore", ".env*\ncache/\nlink\n");
  write_file(project_ / ".worktreeinclude", "/.env\ncache/\nlink\nreadme\n!cache/big\n");
  commit(project_, "ignore");
  write_file(project_ / ".env", "KEY=1");
  fs::permissions(project_ / ".env", fs::perms::owner_read | fs::perms::owner_write);
  write_file(project_ / ".env.other", "x");
  write_file(project_ / "cache/a b/ü\nx", "x");
  fs::create_symlink("/etc/passwd", project_ / "link");
  write_file(project_ / "readme", "changed\n");  // tracked: not copied
  write_file(project_ / ".worktrees/other/cache/x", "x");
  const auto workspace = made(request(Mode::worktree));
  const auto& dir = workspace.working_dir;
  EXPECT_EQ(contents(dir / ".env"), "KEY=1");
  EXPECT_EQ(fs::status(dir / ".env").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(dir / ".env.other"));
  EXPECT_EQ(contents(dir / "cache/a b/ü\nx"), "x");
  EXPECT_EQ(fs::read_symlink(dir / "link"), "/etc/passwd");
  EXPECT_EQ(contents(dir / "readme"), "one\ntwo\nthree\n");
  EXPECT_FALSE(fs::exists(dir / ".worktrees"));
  EXPECT_TRUE(finalized(workspace).removed);
}

TEST_F(Worktree, NothingIsCopiedThroughALinkOutOfTheWorktree) {
  fs::create_directories(root_ / "outside");
  fs::create_symlink(root_ / "outside", project_ / "data");
  write_file(project_ / ".gitignore", "/data/\n");
  write_file(project_ / ".worktreeinclude", "/data/\n");
  commit(project_, "a link");
  git(project_, {"rm", "--quiet", "--cached", "data"});
  fs::remove(project_ / "data");
  write_file(project_ / "data/secret", "x");
  const auto refused = setup(request(Mode::worktree));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::permission_denied);
  EXPECT_FALSE(fs::exists(root_ / "outside/secret"));
}

TEST_F(Worktree, TheSetUpCommandRunsInItOnce) {
  write_file(project_ / ".agent/config.json",
             R"({"setup": "echo \"$AGENTCMD_PROJECT\" >>made && pwd >>made"})");
  const auto workspace = made(request(Mode::worktree));
  made(request(Mode::worktree));
  EXPECT_EQ(contents(workspace.working_dir / "made"),
            project_.string() + "\n" + workspace.working_dir.string() + "\n");
}

TEST_F(Worktree, TheSetUpCommandHasTheEnvironmentThatIsAskedFor) {
  write_file(project_ / ".agent/config.json",
             R"({"setup": "echo \"${HOME-none} $GIVEN ${GIT_DIR-none}\" > seen"})");
  auto asked = request(Mode::worktree);
  asked.env = {{"PATH", ::getenv("PATH")}, {"GIVEN", "this"}, {"GIT_DIR", "/misleading"}};
  EXPECT_EQ(contents(made(asked).working_dir / "seen"), "none this none\n");
}

TEST_F(Worktree, ASetUpCommandThatFailsShowsTheEndOfItsOutputAndCanBeTriedAgain) {
  write_file(project_ / ".agent/config.json", R"({"setup": "echo no such registry >&2; exit 3"})");
  const auto refused = setup(request(Mode::worktree));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("exit code 3")) << refused.error().message;
  EXPECT_TRUE(refused.error().message.contains("no such registry"));
  EXPECT_TRUE(refused.error().message.contains("git worktree remove --force"));
  write_file(project_ / ".agent/config.json", R"({"setup": "true"})");
  EXPECT_EQ(made(request(Mode::worktree)).working_dir,
            project_ / ".worktrees/agentcmd-add-login-rabcdefg");
}

TEST_F(Worktree, SubmodulesAreCheckedOutAndTheirNewCommitsKeepIt) {
  const auto library = make_repository("library");
  git(project_, {"submodule", "--quiet", "add", library.string(), "lib"});
  commit(project_, "lib");
  const auto workspace = made(request(Mode::worktree, "one"));
  EXPECT_TRUE(fs::exists(workspace.working_dir / "lib/readme"));
  EXPECT_TRUE(finalized(workspace).removed);

  auto asked = request(Mode::worktree, "two");
  asked.run = "rtwo";
  const auto changed = made(asked);
  write_file(changed.working_dir / "lib/new", "x");
  commit(changed.working_dir / "lib", "in the submodule");
  const auto report = finalized(changed);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.message.contains("submodule")) << report.message;
}

TEST_F(Worktree, OwnFilesAreExcludedOnceWhateverWasThere) {
  const auto exclude = project_ / ".git/info/exclude";
  write_file(exclude, "# mine\n*.tmp");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(exclude_own_files(project_ / ".git")); });
  }
  threads.clear();
  EXPECT_EQ(contents(exclude), "# mine\n*.tmp\n.worktrees/\n**/.agent/workflows/executions/\n");
  write_file(project_ / ".agent/workflows/executions/r1/log", "x");
  write_file(project_ / "sub/.worktrees/x/y", "x");
  EXPECT_EQ(git(project_, {"status", "--porcelain"}), "");
}

TEST_F(Branch, IsMadeUsedAndLeftAgain) {
  const auto workspace = made(request(Mode::branch, "feat/x"));
  EXPECT_EQ(workspace.working_dir, project_);
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "feat/x");
  EXPECT_EQ(made(request(Mode::branch, "feat/x")), workspace);
  write_file(project_ / "new", "x");
  const auto report = finalized(workspace);
  EXPECT_FALSE(report.kept) << report.message;
  EXPECT_EQ(report.commit_sha, git(project_, {"rev-parse", "feat/x"}));
  EXPECT_EQ(report.diffstat, (git::Diffstat{1, 1, 0}));
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "main");
  EXPECT_EQ(finalized(workspace), report);
}

TEST_F(Branch, RestoresTheBranchThatTheUserWasOnOrTheDetachedHead) {
  git(project_, {"switch", "--quiet", "-c", "mine"});
  auto asked = request(Mode::branch, "feat/x");
  asked.base = "main";
  finalized(made(asked));
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "mine");

  git(project_, {"switch", "--quiet", "--detach"});
  asked.run = "rother";
  finalized(made(asked));
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "");
}

TEST_F(Branch, UncommittedWorkOfTheUserIsCarriedAndNeverCommitted) {
  write_file(project_ / "readme", "mine\n");
  write_file(project_ / "staged", "mine");
  git(project_, {"add", "staged"});
  write_file(project_ / "untracked", "mine");
  const auto before = git(project_, {"status", "--porcelain"});
  const auto workspace = made(request(Mode::branch, "feat/x"));
  EXPECT_EQ(git(project_, {"status", "--porcelain"}), before);
  EXPECT_EQ(git(project_, {"rev-parse", "feat/x"}), workspace.base_commit);
  write_file(project_ / "new", "x");
  const auto report = finalized(workspace);
  EXPECT_FALSE(report.kept) << report.message;
  EXPECT_EQ(git(project_, {"show", "--format=", "--name-only", "feat/x"}), "new");
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "main");
  EXPECT_EQ(git(project_, {"status", "--porcelain"}), before);
}

TEST_F(Branch, RefusesWithGitsReasonWhatWouldOverwriteTheUsersWork) {
  git(project_, {"switch", "--quiet", "-c", "other"});
  write_file(project_ / "readme", "other\n");
  commit(project_, "other");
  git(project_, {"switch", "--quiet", "main"});
  write_file(project_ / "readme", "mine\n");
  const auto refused = setup(request(Mode::branch, "other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(refused.error().message.contains("would be overwritten")) << refused.error().message;
  EXPECT_EQ(contents(project_ / "readme"), "mine\n");
}

TEST_F(Branch, AFailedRunThatLeftChangesStaysOnItsBranch) {
  const auto workspace = made(request(Mode::branch, "feat/x"));
  write_file(project_ / "half", "x");
  const auto report = finalized(workspace, Outcome::failed);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.message.contains("git switch main")) << report.message;
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "feat/x");
  EXPECT_EQ(git(project_, {"rev-parse", "feat/x"}), workspace.base_commit);
  fs::remove(project_ / "half");
  EXPECT_FALSE(finalized(workspace, Outcome::failed).kept);
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "main");
}

TEST_F(Branch, PreserveStaysOnIt) {
  const auto workspace = made(request(Mode::branch, "feat/x"));
  write_file(project_ / "new", "x");
  const auto report = finalized(workspace, Outcome::completed, true);
  EXPECT_TRUE(report.kept);
  EXPECT_TRUE(report.commit_sha);
  EXPECT_EQ(git(project_, {"branch", "--show-current"}), "feat/x");
}

}  // namespace
}  // namespace agentcmd::workspace
