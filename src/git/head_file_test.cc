#include "git/head_file.h"

#include "git/test_support.h"

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

// What git itself says, which is not asked where the disk says it.
class HeadFile : public GitTest {
 protected:
  std::string git_says(const fs::path& folder, const std::string& question) {
    return git(folder, {"rev-parse", question});
  }

  void expect_as_git_says(const fs::path& folder) {
    const auto seen = look_at_checkout(folder);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->head.commit, git_says(folder, "HEAD"));
    EXPECT_EQ(seen->layout.top_level, fs::path(git_says(folder, "--show-toplevel")));
    EXPECT_EQ(seen->layout.git_dir, fs::path(git_says(folder, "--absolute-git-dir")));
    EXPECT_EQ(seen->layout.common_dir, seen->layout.git_dir);
    auto prefix = git_says(folder, "--show-prefix");
    if (prefix.ends_with('/')) prefix.pop_back();
    EXPECT_EQ(seen->layout.prefix, fs::path(prefix));
  }
};

TEST_F(HeadFile, SaysWhatGitSaysOfABranchThatIsLooseOrPacked) {
  const auto path = make_repository("project");
  fs::create_directories(path / "a/b");
  expect_as_git_says(path);
  expect_as_git_says(path / "a/b");
  git(path, {"switch", "--quiet", "-c", "feature/one"});
  git(path, {"pack-refs", "--all"});
  ASSERT_FALSE(fs::exists(path / ".git/refs/heads/feature/one"));
  expect_as_git_says(path);
  EXPECT_EQ(look_at_checkout(path)->head.branch, "feature/one");
}

TEST_F(HeadFile, SaysThatNoBranchIsCheckedOut) {
  const auto path = make_repository("project");
  git(path, {"switch", "--quiet", "--detach"});
  expect_as_git_says(path);
  EXPECT_EQ(look_at_checkout(path)->head.branch, std::nullopt);
}

TEST_F(HeadFile, LeavesToGitWhateverIsNotBeyondDoubt) {
  const auto path = make_repository("project");
  const auto head = contents(path / ".git/HEAD");
  const auto config = contents(path / ".git/config");
  EXPECT_FALSE(look_at_checkout(root_));
  for (const char* odd : {"ref: refs/heads/unborn\n", "ref: refs/remotes/origin/main\n",
                          "ref: refs/heads/../x\n", "ref: refs/heads/.invalid\n", "", "0123\n"}) {
    write_file(path / ".git/HEAD", odd);
    EXPECT_FALSE(look_at_checkout(path)) << odd;
  }
  write_file(path / ".git/HEAD", head);
  for (const char* odd :
       {"[core]\n\tbare = true\n", "[core]\n\tworktree = ..\n", "[include]\n\tpath = other\n",
        "[core]\n\trepositoryformatversion = 1\n", "[extensions]\n\trefStorage = reftable\n"}) {
    write_file(path / ".git/config", config + odd);
    EXPECT_FALSE(look_at_checkout(path)) << odd;
  }
  write_file(path / ".git/config", config);
  EXPECT_TRUE(look_at_checkout(path));
}

}  // namespace
}  // namespace agentcmd::git
