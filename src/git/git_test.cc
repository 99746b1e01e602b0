#include "git/git.h"

#include "git/probe.h"
#include "git/test_support.h"

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

class Git : public GitTest {};

const StatusEntry* entry_of(const Status& status, std::string_view path) {
  for (const auto& entry : status.entries) {
    if (entry.path == path) return &entry;
  }
  return nullptr;
}

TEST_F(Git, FindsTopPrefixAndSharedFolderFromASubfolderOfALinkedWorktree) {
  const auto main = make_repository("pro ject");
  git(main, {"worktree", "add", "--quiet", "-b", "side", (root_ / "linked").string()});
  fs::create_directories(root_ / "linked/a b/c");
  const auto layout = wait(find_repository(at(root_ / "linked/a b/c")));
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->top_level, root_ / "linked");
  EXPECT_EQ(layout->common_dir, main / ".git");
  EXPECT_EQ(layout->git_dir, main / ".git/worktrees/linked");
  EXPECT_EQ(layout->prefix, "a b/c");
}

TEST_F(Git, SaysWhatIsNoRepositoryAndWhatHasNoWorkingTree) {
  EXPECT_FALSE(wait(is_repository(at(root_))));
  EXPECT_EQ(wait(find_repository(at(root_))).error().code, ErrorCode::not_found);
  EXPECT_EQ(wait(find_repository(at(root_ / "nowhere"))).error().code, ErrorCode::not_found);
  fs::create_directories(root_ / "bare");
  git(root_ / "bare", {"init", "--quiet", "--bare"});
  EXPECT_EQ(wait(find_repository(at(root_ / "bare"))).error().code, ErrorCode::failed_precondition);
  const auto path = make_repository("project");
  EXPECT_TRUE(wait(is_repository(at(path))));
}

TEST_F(Git, IgnoresTheRepositoryOfASurroundingGitProcess) {
  const auto one = make_repository("one");
  const auto other = make_repository("other");
  ::setenv("GIT_DIR", (other / ".git").c_str(), 1);
  ::setenv("GIT_INDEX_FILE", (other / ".git/index").c_str(), 1);
  const auto layout = wait(find_repository(at(one)));
  ::unsetenv("GIT_DIR");
  ::unsetenv("GIT_INDEX_FILE");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->git_dir, one / ".git");
}

TEST_F(Git, HeadIsUnbornThenOnABranchThenDetached) {
  const auto path = init("project");
  auto head = wait(read_head(at(path)));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->branch, "main");
  EXPECT_EQ(head->commit, std::nullopt);
  const auto id = commit(path, "first");
  git(path, {"switch", "--quiet", "-c", "feat/ü"});
  head = wait(read_head(at(path)));
  EXPECT_EQ(head->branch, "feat/ü");
  EXPECT_EQ(head->commit, id);
  git(path, {"switch", "--quiet", "--detach"});
  head = wait(read_head(at(path)));
  EXPECT_EQ(head->branch, std::nullopt);
  EXPECT_EQ(head->commit, id);
}

TEST_F(Git, HeadIsReadAlsoWhereItsNameIsAmbiguous) {
  const auto path = make_repository("project");
  git(path, {"update-ref", "refs/heads/HEAD", "HEAD"});
  write_file(path / "HEAD^{commit}", "a file of that name");
  const auto head = wait(read_head(at(path)));
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->branch, "main");
  EXPECT_EQ(head->commit, git(path, {"rev-parse", "refs/heads/main"}));
}

TEST_F(Git, AtMostOneProcessReadsACheckoutAndNoneWhereTheDiskSaysAll) {
  const auto path = make_repository("project");
  fs::create_directories(path / "sub");
  const auto expected = git(path, {"rev-parse", "HEAD"});
  const CountedGit counted(root_);
  const auto checkout = wait(read_checkout(at(path / "sub")));
  ASSERT_TRUE(checkout) << checkout.error().message;
  EXPECT_EQ(checkout->layout.prefix, "sub");
  EXPECT_EQ(checkout->head.commit, expected);
  EXPECT_TRUE(wait(read_head(at(path))));
  EXPECT_FALSE(wait(read_checkout(at(root_))));
  EXPECT_FALSE(wait(read_head(at(root_))));
  EXPECT_EQ(counted.calls().size(), 0U);
  EXPECT_TRUE(wait(find_repository(at(path))));
  EXPECT_EQ(counted.calls().size(), 1U);
  write_file(path / ".git/HEAD", contents(path / ".git/HEAD") + " ");
  EXPECT_TRUE(wait(read_checkout(at(path))));
  EXPECT_EQ(counted.calls().size(), 2U);
  EXPECT_TRUE(wait(read_head(at(path))));
  EXPECT_EQ(counted.calls().size(), 3U);
}

TEST_F(Git, StatusHasOneEntryForEachPath) {
  const auto path = make_repository("project");
  write_file(path / "old name", "some lines\nthat git\nrecognises\n");
  commit(path, "second");
  fs::rename(path / "old name", path / "new\nname");
  write_file(path / "readme", "staged\n");
  write_file(path / "added", "staged\n");
  git(path, {"add", "--all"});
  write_file(path / "readme", "and changed again\n");
  write_file(path / "dir/untracked", "x");
  const auto status = wait(read_status(at(path)));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->entries.size(), 4U);
  ASSERT_NE(entry_of(*status, "readme"), nullptr);
  EXPECT_EQ(entry_of(*status, "readme")->index, 'M');
  EXPECT_EQ(entry_of(*status, "readme")->worktree, 'M');
  ASSERT_NE(entry_of(*status, "added"), nullptr);
  EXPECT_EQ(entry_of(*status, "added")->index, 'A');
  ASSERT_NE(entry_of(*status, "new\nname"), nullptr);
  EXPECT_EQ(entry_of(*status, "new\nname")->original_path, "old name");
  ASSERT_NE(entry_of(*status, "dir/untracked"), nullptr);
}

TEST_F(Git, StatusLeavesTheIndexFileAlone) {
  const auto path = make_repository("project");
  write_file(path / "readme", contents(path / "readme"));  // same bytes, other times
  const auto before = contents(path / ".git/index");
  ASSERT_TRUE(wait(read_status(at(path))));
  EXPECT_EQ(contents(path / ".git/index"), before);
}

TEST_F(Git, BranchNamesAreCheckedBeforeGitSeesThem) {
  const auto path = make_repository("project");
  for (const auto* name : {"", "-d", "--force", "a b", "a..b", "@{-1}", "a.lock", "HEAD", "x/"}) {
    const auto checked = wait(check_branch_name(at(path), name));
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(wait(create_branch(at(path), name, {})));
  }
  EXPECT_TRUE(wait(check_branch_name(at(path), "feat/ünïcode-1")));
  EXPECT_FALSE(wait(create_branch(at(path), "fine", "--help")));
}

TEST_F(Git, CreatesListsAndSwitchesBranches) {
  const auto path = make_repository("project");
  ASSERT_TRUE(wait(create_branch(at(path), "feat/x", {})));
  EXPECT_EQ(wait(create_branch(at(path), "feat/x", {})).error().code, ErrorCode::already_exists);
  EXPECT_TRUE(*wait(branch_exists(at(path), "feat/x")));
  EXPECT_FALSE(*wait(branch_exists(at(path), "feat")));
  ASSERT_TRUE(wait(switch_branch(at(path), "feat/x")));
  EXPECT_TRUE(*wait(is_on_branch(at(path), "feat/x")));
  ASSERT_TRUE(wait(switch_to_new_branch(at(path), "other", "main")));
  const auto branches = wait(list_branches(at(path)));
  ASSERT_TRUE(branches);
  ASSERT_EQ(branches->size(), 3U);
  EXPECT_EQ((*branches)[2].name, "other");
  EXPECT_TRUE((*branches)[2].current);
}

TEST_F(Git, SwitchingRefusesWithGitsReasonWhereChangesWouldBeLost) {
  const auto path = make_repository("project");
  git(path, {"switch", "--quiet", "-c", "other"});
  write_file(path / "readme", "other\n");
  commit(path, "other");
  git(path, {"switch", "--quiet", "main"});
  write_file(path / "readme", "mine\n");
  const auto switched = wait(switch_branch(at(path), "other"));
  ASSERT_FALSE(switched);
  EXPECT_TRUE(switched.error().message.contains("would be overwritten"))
      << switched.error().message;
  EXPECT_EQ(contents(path / "readme"), "mine\n");
}

TEST_F(Git, CommitsEverythingAndThenNothing) {
  const auto path = make_repository("project");
  write_file(path / "readme", "changed\n");
  write_file(path / "nëw", "x");
  fs::create_directories(path / "sub");
  const auto made = wait(commit_all(at(path / "sub"), "feat: all\n\n# kept"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->commit, git(path, {"rev-parse", "HEAD"}));
  EXPECT_EQ(git(path, {"log", "-1", "--format=%B"}), "feat: all\n\n# kept\n");
  EXPECT_TRUE(wait(read_status(at(path)))->is_clean());
  EXPECT_EQ(wait(commit_all(at(path), "again"))->commit, std::nullopt);
  EXPECT_EQ(wait(commit_all(at(path), " \n")).error().code, ErrorCode::invalid_argument);
}

TEST_F(Git, CommitsIntoAnUnbornBranch) {
  const auto path = init("project");
  write_file(path / "a", "x");
  const auto made = wait(commit_all(at(path), "root"));
  ASSERT_TRUE(made) << made.error().message;
  const auto stat = wait(diffstat(at(path), {}, *made->commit));
  ASSERT_TRUE(stat) << stat.error().message;
  EXPECT_EQ(*stat, (Diffstat{1, 1, 0}));
}

TEST_F(Git, CommitsExactlyTheSelection) {
  const auto path = make_repository("project");
  write_file(path / "staged", "x");
  git(path, {"add", "staged"});
  write_file(path / "*", "x");
  write_file(path / "-f", "x");
  write_file(path / "left", "x");
  const auto made = wait(commit_paths(at(path), "some", {"*", "-f"}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(git(path, {"show", "--format=", "--name-only", "HEAD"}), "*\n-f");
  const auto status = wait(read_status(at(path)));
  ASSERT_EQ(status->entries.size(), 2U);
  EXPECT_EQ(entry_of(*status, "staged")->index, 'A');
  EXPECT_EQ(entry_of(*status, "left")->kind, EntryKind::untracked);
}

TEST_F(Git, CommitsASelectedDeletionAndRename) {
  const auto path = make_repository("project");
  write_file(path / "gone", "x");
  write_file(path / "old", "many\nlines\nhere\n");
  commit(path, "second");
  git(path, {"rm", "--quiet", "gone"});
  git(path, {"mv", "old", "new"});
  const auto made = wait(commit_paths(at(path), "less", {"gone", "old", "new"}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(wait(read_status(at(path)))->is_clean());
  EXPECT_EQ(wait(commit_paths(at(path), "less", {"gone"}))->commit, std::nullopt);
}

TEST_F(Git, DoesNotCommitConflictsOrForeignRepositories) {
  const auto path = make_repository("project");
  fs::create_directories(path / "cloned");
  git(path / "cloned", {"init", "--quiet"});
  write_file(path / "cloned/file", "x");
  commit(path / "cloned", "theirs");
  write_file(path / "mine", "x");
  ASSERT_TRUE(wait(commit_all(at(path), "mine")));
  EXPECT_EQ(git(path, {"ls-files"}), "mine\nreadme");

  git(path, {"switch", "--quiet", "-c", "other"});
  write_file(path / "readme", "other\n");
  wait(commit_all(at(path), "other"));
  git(path, {"switch", "--quiet", "main"});
  write_file(path / "readme", "main\n");
  wait(commit_all(at(path), "main"));
  wait(run_git(at(path), {"merge", "other"}, {.access = Access::write}));
  const auto made = wait(commit_all(at(path), "merge"));
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message.contains("unresolved conflicts in readme"));
}

TEST_F(Git, CommitsAsAgentcmdOnlyWhereGitHasNoName) {
  write_file(root_ / "home/.gitconfig", "[init]\n defaultBranch = main\n");
  const auto path = init("project");
  write_file(path / "a", "x");
  const auto made = wait(commit_all(at(path), "nameless"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(git(path, {"log", "-1", "--format=%an <%ae> %cn"}),
            "agentcmd <agentcmd@localhost> agentcmd");
  git(path, {"config", "user.name", "Half Known"});
  write_file(path / "a", "y");
  ASSERT_TRUE(wait(commit_all(at(path), "half")));
  EXPECT_EQ(git(path, {"log", "-1", "--format=%an <%ae>"}), "Half Known <agentcmd@localhost>");
}

TEST_F(Git, AHookThatRefusesAndASignatureThatFailsAreExplained) {
  const auto path = make_repository("project");
  write_file(path / ".git/hooks/pre-commit", "#!/bin/sh\necho 'lint says no' >&2\nexit 1\n");
  fs::permissions(path / ".git/hooks/pre-commit", fs::perms::owner_all);
  write_file(path / "a", "x");
  const auto refused = wait(commit_all(at(path), "x"));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("lint says no")) << refused.error().message;

  fs::remove(path / ".git/hooks/pre-commit");
  git(path, {"config", "commit.gpgSign", "true"});
  git(path, {"config", "gpg.program", "/bin/false"});
  const auto unsigned_one = wait(commit_all(at(path), "x"));
  ASSERT_FALSE(unsigned_one);
  EXPECT_TRUE(unsigned_one.error().message.contains("commit.gpgSign false"))
      << unsigned_one.error().message;
}

TEST_F(Git, ComparesCommits) {
  const auto path = make_repository("project");
  const auto first = git(path, {"rev-parse", "HEAD"});
  git(path, {"mv", "readme", "README"});
  write_file(path / "more", "a\nb\n");
  const auto second = commit(path, "second\n\nwith body");
  EXPECT_EQ(*wait(diffstat(at(path), first, second)), (Diffstat{2, 2, 0}));
  const auto commits = wait(commits_since(at(path), first, "HEAD"));
  ASSERT_TRUE(commits) << commits.error().message;
  ASSERT_EQ(commits->size(), 1U);
  EXPECT_EQ((*commits)[0].message, "second\n\nwith body");
  EXPECT_EQ((*commits)[0].author, "Tëst Er");
  EXPECT_EQ(wait(commits_since(at(path), {}, "HEAD"))->size(), 2U);
  EXPECT_EQ(*wait(merge_base(at(path), first, "main")), first);
  EXPECT_EQ(*wait(find_commit(at(path), "nothing")), std::nullopt);
  EXPECT_EQ(*wait(branches_containing(at(path), first)), std::vector<std::string>{"main"});
}

TEST_F(Git, AddsFindsAndRemovesWorktrees) {
  const auto path = make_repository("project");
  const auto tree = root_ / "trées/a b";
  ASSERT_TRUE(wait(add_worktree(at(path), {tree, "feat/x", "main"})));
  EXPECT_TRUE(*wait(is_worktree_of(at(path), tree, "feat/x")));
  EXPECT_FALSE(*wait(is_worktree_of(at(path), tree, "main")));
  EXPECT_FALSE(*wait(is_worktree_gone(at(path), tree)));
  const auto again = wait(add_worktree(at(path), {root_ / "second", "feat/x", std::nullopt}));
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().message.contains("already")) << again.error().message;

  write_file(tree / "untracked", "x");
  EXPECT_FALSE(wait(remove_worktree(at(path), tree, Changes::keep)));
  EXPECT_TRUE(fs::exists(tree / "untracked"));
  ASSERT_TRUE(wait(remove_worktree(at(path), tree, Changes::discard)));
  EXPECT_TRUE(*wait(is_worktree_gone(at(path), tree)));
}

TEST_F(Git, PushUrlIsThereOnlyWithARemote) {
  const auto path = make_repository("project");
  EXPECT_EQ(*wait(push_url(at(path), "origin")), std::nullopt);
  git(path, {"remote", "add", "origin", "git@github.com:o/r.git"});
  EXPECT_EQ(*wait(push_url(at(path), "origin")), "git@github.com:o/r.git");
}

TEST_F(Git, ALostCommitIsFoundByWhatItWasMadeUponAndItsSubject) {
  const auto path = init("project");
  EXPECT_EQ(*wait(find_made_commit(at(path), {}, "root")), std::nullopt);
  const auto root = commit(path, "root");
  EXPECT_EQ(*wait(find_made_commit(at(path), {}, "root")), root);
  EXPECT_EQ(*wait(find_made_commit(at(path), root, "root")), std::nullopt);
  const auto next = commit(path, "next\n\nChange-Id: 1");
  EXPECT_EQ(*wait(find_made_commit(at(path), root, "next")), next);
  EXPECT_EQ(*wait(find_made_commit(at(path), root, "other")), std::nullopt);
}

}  // namespace
}  // namespace agentcmd::git
