#include "git/porcelain.h"

#include "base/fault.h"

#include <gtest/gtest.h>

namespace agentcmd::git {
namespace {

using namespace std::string_literals;

constexpr std::string_view oid = "0123456789012345678901234567890123456789";

TEST(ParseStatus, HeadersOfAnUnbornBranch) {
  const auto status = parse_status("# branch.oid (initial)\0# branch.head main\0"s);
  EXPECT_EQ(status.commit, "");
  EXPECT_EQ(status.branch, "main");
  EXPECT_TRUE(status.is_clean());
}

TEST(ParseStatus, HeadersWithUpstreamAndCounts) {
  const auto status = parse_status(
      "# branch.oid abc\0# branch.head (detached)\0"
      "# branch.upstream origin/main\0# branch.ab +2 -13\0# stash 4\0"s);
  EXPECT_EQ(status.commit, "abc");
  EXPECT_EQ(status.branch, "");
  EXPECT_EQ(status.upstream, "origin/main");
  EXPECT_EQ(status.ahead, 2);
  EXPECT_EQ(status.behind, 13);
}

TEST(ParseStatus, APathKeepsBlanksNewlinesAndBytesThatAreNoText) {
  const std::string path = " a b\n\"\xff\t ";
  const auto status =
      parse_status(fmt::format("1 MM N... 100644 100644 100644 {0} {0} {1}", oid, path) + '\0' +
                   "? " + path + '\0');
  ASSERT_EQ(status.entries.size(), 2U);
  EXPECT_EQ(status.entries[0].path, path);
  EXPECT_EQ(status.entries[0].index, 'M');
  EXPECT_EQ(status.entries[0].worktree, 'M');
  EXPECT_TRUE(status.entries[0].is_staged());
  EXPECT_EQ(status.entries[1].path, path);
  EXPECT_EQ(status.entries[1].kind, EntryKind::untracked);
}

TEST(ParseStatus, ARenameHasBothPathsAndTheNextRecordIsReadRight) {
  const auto status = parse_status(
      fmt::format("2 R. N... 100644 100644 100644 {0} {0} R100 new name", oid) + '\0' + "? old" +
      '\0' + fmt::format("2 C. N... 100644 100644 100644 {0} {0} C75 copy", oid) + '\0' + "source" +
      '\0' + "! ignored" + '\0');
  ASSERT_EQ(status.entries.size(), 3U);
  EXPECT_EQ(status.entries[0].kind, EntryKind::renamed);
  EXPECT_EQ(status.entries[0].path, "new name");
  EXPECT_EQ(status.entries[0].original_path, "? old");
  EXPECT_EQ(status.entries[1].kind, EntryKind::copied);
  EXPECT_EQ(status.entries[1].original_path, "source");
  EXPECT_EQ(status.entries[2].kind, EntryKind::ignored);
}

TEST(ParseStatus, ConflictsAndSubmodules) {
  const auto status =
      parse_status(fmt::format("u UU N... 100644 100644 100644 100644 {0} {0} {0} both", oid) +
                   '\0' + fmt::format("1 .M S.M. 160000 160000 160000 {0} {0} lib", oid) + '\0');
  ASSERT_EQ(status.entries.size(), 2U);
  EXPECT_EQ(status.entries[0].kind, EntryKind::unmerged);
  EXPECT_EQ(status.entries[0].path, "both");
  EXPECT_TRUE(status.entries[1].is_submodule);
  EXPECT_FALSE(status.entries[1].is_staged());
}

TEST(ParseStatus, WhatIsNotPorcelainIsAFault) {
  for (const auto& text : {"X what\0"s, "1 M\0"s, "? no end"s, "# branch.ab +x -1\0"s,
                           "2 R. N... 1 1 1 a b R100 new\0"s, "\0"s}) {
    EXPECT_THROW(parse_status(text), Fault) << text;
  }
}

TEST(ParseNumstat, CountsTextBinaryAndRenamedFiles) {
  EXPECT_EQ(parse_numstat("3\t1\ta\tb\n\0-\t-\tpicture\0"
                          "1\t0\t\0old\0new\0"
                          "0\t7\tlast\0"s),
            (Diffstat{4, 4, 8}));
  EXPECT_EQ(parse_numstat(""), Diffstat{});
  EXPECT_THROW(parse_numstat("3 1 a\0"s), Fault);
}

TEST(Diffstat, ReadsAsGitPrintsIt) {
  EXPECT_EQ(to_string(Diffstat{}), "no changes");
  EXPECT_EQ(to_string(Diffstat{1, 1, 0}), "1 file changed, 1 insertion(+)");
  EXPECT_EQ(to_string(Diffstat{2, 0, 3}), "2 files changed, 3 deletions(-)");
}

TEST(ParseWorktrees, MainDetachedLockedAndPrunable) {
  const auto list = parse_worktrees(
      "worktree /a b\0HEAD 11\0branch refs/heads/feat/x\0\0"
      "worktree /c\0HEAD 22\0detached\0locked\0\0"
      "worktree /d\0HEAD 33\0detached\0locked why not\0prunable gone\0\0"s);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0], (WorktreeEntry{"/a b", "11", "feat/x", false, {}, {}}));
  EXPECT_EQ(list[1].locked, "");
  EXPECT_EQ(list[1].branch, "");
  EXPECT_EQ(list[2].locked, "why not");
  EXPECT_EQ(list[2].prunable, "gone");
  EXPECT_TRUE(parse_worktrees("worktree /r\0bare\0\0"s)[0].bare);
}

TEST(ParseBranches, LocalRemoteAndCurrentWithoutSymbolicOnes) {
  const auto branches = parse_branches(
      "refs/heads/feat/x\0"
      "11\0origin/feat/x\0*\0\n"
      "refs/remotes/origin/HEAD\0"
      "22\0\0 \0refs/remotes/origin/main\n"
      "refs/remotes/origin/main\0"
      "22\0\0 \0\n"s);
  ASSERT_EQ(branches.size(), 2U);
  EXPECT_EQ(branches[0], (Branch{"feat/x", "", "11", "origin/feat/x", true}));
  EXPECT_EQ(branches[1], (Branch{"origin/main", "origin", "22", "", false}));
}

TEST(ParseCommits, MessagesKeepTheirLines) {
  const auto commits = parse_commits(
      "11\0A\0a@b\0"
      "2026-01-01T00:00:00Z\0subject\n\nbody\n\0"
      "22\0B\0\0"
      "2026-01-02T00:00:00Z\0\0"s);
  ASSERT_EQ(commits.size(), 2U);
  EXPECT_EQ(commits[0].message, "subject\n\nbody");
  EXPECT_EQ(commits[0].subject(), "subject");
  EXPECT_EQ(commits[1].message, "");
  EXPECT_THROW(parse_commits("11\0A\0"s), Fault);
}

}  // namespace
}  // namespace agentcmd::git
