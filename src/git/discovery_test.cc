#include "git/discovery.h"

#include "git/test_support.h"

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;
using Kind = Trace::Kind;

class Discovery : public GitTest {
 protected:
  // The temporary folder of the tests may itself be reached by a link.
  Discovery() : real_root_(fs::canonical(root_)) {}

  Kind kind_of(const fs::path& folder) { return look_for_repository(folder).kind; }

  fs::path real_root_;
};

TEST_F(Discovery, APlainRepositoryIsKnownFromEveryFolderOfIt) {
  const auto path = make_repository("project");
  fs::create_directories(path / "a/b");
  fs::create_directory_symlink(path / "a", root_ / "link");
  const Trace expected{Kind::plain, real_root_ / "project/.git"};
  EXPECT_EQ(look_for_repository(path), expected);
  EXPECT_EQ(look_for_repository(path / "a/b"), expected);
  EXPECT_EQ(look_for_repository(root_ / "link/b"), expected);
}

TEST_F(Discovery, WithoutATraceThereIsNoRepositoryAndGitAgrees) {
  EXPECT_EQ(kind_of(root_), Kind::none);
  const auto refused = wait(find_repository(at(root_)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
  EXPECT_TRUE(refused.error().message.contains("git init") ||
              refused.error().message.contains("' init"))
      << refused.error().message;
}

TEST_F(Discovery, WhatOnlyGitCanJudgeIsLeftToGit) {
  const auto path = make_repository("project");
  git(path, {"worktree", "add", "--quiet", "-b", "side", (root_ / "linked").string()});
  EXPECT_EQ(kind_of(root_ / "linked"), Kind::unclear);
  EXPECT_EQ(kind_of(path / ".git/worktrees/linked"), Kind::perhaps_bare);
  EXPECT_EQ(kind_of(path / ".git/objects"), Kind::perhaps_bare);
  EXPECT_EQ(kind_of(root_ / "nowhere"), Kind::unclear);
  fs::create_directories(root_ / "bare");
  git(root_ / "bare", {"init", "--quiet", "--bare"});
  EXPECT_EQ(kind_of(root_ / "bare"), Kind::perhaps_bare);
  write_file(root_ / "notes/HEAD", "of my own");
  EXPECT_EQ(kind_of(root_ / "notes"), Kind::perhaps_bare);
  EXPECT_EQ(wait(find_repository(at(root_ / "notes"))).error().code, ErrorCode::not_found);
}

TEST_F(Discovery, ADamagedRepositoryIsNamedInGitsOwnWords) {
  write_file(root_ / "file/.git", "gitdir: /nowhere/at/all");
  write_file(root_ / "junk/.git", "junk");
  fs::create_directories(root_ / "folder/.git");
  const auto path = make_repository("headless");
  write_file(path / ".git/HEAD", "");
  for (const auto* name : {"file", "junk", "folder", "headless"}) {
    const auto refused = wait(find_repository(at(root_ / name)));
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition) << name;
    EXPECT_TRUE(refused.error().message.contains("fatal: ")) << refused.error().message;
    EXPECT_TRUE(refused.error().message.contains(".git")) << refused.error().message;
    EXPECT_FALSE(refused.error().message.contains("init")) << refused.error().message;
  }
}

TEST_F(Discovery, IsNotLookedForBeyondWhereGitStops) {
  const auto path = make_repository("project");
  fs::create_directories(path / ".worktrees/lost/folder");
  EXPECT_EQ(kind_of(path / ".worktrees/lost/folder"), Kind::none);
  EXPECT_EQ(wait(find_repository(at(path / ".worktrees/lost"))).error().code, ErrorCode::not_found);

  fs::create_directories(path / "a/b");
  ::setenv("GIT_CEILING_DIRECTORIES", (path / "a").c_str(), 1);
  const auto kind = kind_of(path / "a/b");
  const auto refused = wait(find_repository(at(path / "a/b")));
  ::unsetenv("GIT_CEILING_DIRECTORIES");
  EXPECT_EQ(kind, Kind::perhaps_too_far);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
}

TEST_F(Discovery, PathsMayHoldNewlines) {
  const auto path = make_repository("two\nlines");
  fs::create_directories(path / "a\nb");
  const auto checkout = wait(read_checkout(at(path / "a\nb")));
  ASSERT_TRUE(checkout) << checkout.error().message;
  EXPECT_EQ(checkout->layout.top_level, real_root_ / "two\nlines");
  EXPECT_EQ(checkout->layout.git_dir, real_root_ / "two\nlines/.git");
  EXPECT_EQ(checkout->layout.prefix, "a\nb");
  EXPECT_EQ(checkout->head.branch, "main");
}

}  // namespace
}  // namespace agentcmd::git
