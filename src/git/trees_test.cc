#include "git/trees.h"

#include "git/test_support.h"

#include <gtest/gtest.h>

namespace agentcmd::git {
namespace {

using TreesTest = GitTest;

TEST_F(TreesTest, TheSameTreeUponTheSameParentIsTheSameCommit) {
  const auto path = make_repository("r");
  const auto head = git(path, {"rev-parse", "HEAD"});
  const auto one = wait(commit_tree(at(path), "HEAD^{tree}", head, "kept")).value();
  const auto two = wait(commit_tree(at(path), head + "^{tree}", head, "kept")).value();
  EXPECT_EQ(one, two);
  EXPECT_EQ(wait(parent_of(at(path), one)).value(), head);
  EXPECT_EQ(wait(parent_of(at(path), head)).value(), std::nullopt);
}

TEST_F(TreesTest, ATreeIsWrittenThroughAnIndexThatIsNotTheRepositorys) {
  const auto path = make_repository("r");
  const auto before = contents(path / ".git/index");
  write_file(path / "new/deep", "new\n");
  const auto index = root_ / "own index";
  std::filesystem::copy_file(path / ".git/index", index);
  const auto tree =
      wait(write_tree(at(path), index, {.removed = {"readme"}, .changed = {"new/deep"}}));
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(git(path, {"ls-tree", "-r", "--name-only", *tree}), "new/deep");
  EXPECT_EQ(contents(path / ".git/index"), before);
}

TEST_F(TreesTest, RefsAreListedAndForgottenByTheirPrefix) {
  const auto path = make_repository("r");
  const auto head = git(path, {"rev-parse", "HEAD"});
  ASSERT_TRUE(wait(put_refs(at(path), {"refs/agentcmd/r1/a%2Fb", "refs/agentcmd/r12/a"}, head)));
  const auto found = wait(list_refs(at(path), "refs/agentcmd/r1")).value();
  EXPECT_EQ(found, std::vector<std::string>{"refs/agentcmd/r1/a%2Fb"});
  ASSERT_TRUE(wait(delete_refs(at(path), found)));
  EXPECT_EQ(git(path, {"for-each-ref", "--format=%(refname)", "refs/agentcmd"}),
            "refs/agentcmd/r12/a");
}

TEST_F(TreesTest, ChangedFilesAreListedWithTheirLines) {
  const auto path = make_repository("r");
  const auto first = git(path, {"rev-parse", "HEAD"});
  write_file(path / "readme", "one\nzwei\nthree\nfour\n");
  write_file(path / "a name\twith a tab", "x\n");
  write_file(path / "binary", std::string("\0\1", 2));
  const auto second = commit(path, "second");
  const auto changes = wait(changed_files(at(path), first, second)).value();
  const std::vector<FileChange> expected{{.path = "a name\twith a tab", .insertions = 1},
                                         {.path = "binary", .binary = true},
                                         {.path = "readme", .insertions = 2, .deletions = 1}};
  EXPECT_EQ(changes, expected);
  EXPECT_TRUE(wait(patch(at(path), first, second)).value().contains("+zwei"));
}

}  // namespace
}  // namespace agentcmd::git
