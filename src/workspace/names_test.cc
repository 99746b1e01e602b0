#include "workspace/names.h"

#include <gtest/gtest.h>

namespace agentcmd::workspace {
namespace {

TEST(Slug, KeepsLettersAndDigits) {
  EXPECT_EQ(slug("Add Login!"), "add-login");
  EXPECT_EQ(slug("  --a__b--  "), "a-b");
  EXPECT_EQ(slug("日本"), "run");
  EXPECT_EQ(slug(""), "run");
  EXPECT_EQ(slug(std::string(300, 'x')).size(), 40U);
}

TEST(DefaultBranch, NamesTheRun) {
  EXPECT_EQ(default_branch("Add Login", "r4k2m9xqabcd"), "agentcmd/add-login-r4k2m9xq");
}

TEST(ForkStem, IsTheBranchWithoutTheNumberOfAFork) {
  EXPECT_EQ(fork_stem("feat/x"), "feat/x");
  EXPECT_EQ(fork_stem("feat/x-fork-12"), "feat/x");
  EXPECT_EQ(fork_stem("feat/x-fork-"), "feat/x-fork-");
  EXPECT_EQ(fork_stem("release-2"), "release-2");
  EXPECT_EQ(fork_stem("12"), "12");
}

TEST(FolderName, IsOneVisibleFolder) {
  EXPECT_EQ(folder_name("feat/login/x"), "feat-login-x");
  EXPECT_EQ(folder_name(".."), "_-");
  EXPECT_EQ(folder_name("../../etc"), "_-----etc");
  EXPECT_EQ(folder_name(".hidden"), "_hidden");
  EXPECT_EQ(folder_name(""), "_");
  EXPECT_EQ(folder_name("größe"), "größe");
  const auto cut = folder_name(std::string(199, 'x') + "ü and more");
  EXPECT_EQ(cut, std::string(199, 'x'));
}

TEST(WorkspaceId, DistinguishesTheWorkspacesOfOneRun) {
  EXPECT_EQ(workspace_id("r1", ""), "r1");
  EXPECT_NE(workspace_id("r1", "run/a"), workspace_id("r1", "run/b"));
  EXPECT_FALSE(workspace_id("r1", "run/a/../b").contains('/'));
}

}  // namespace
}  // namespace agentcmd::workspace
