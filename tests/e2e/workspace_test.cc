// Your checkout is yours: what a run does to the project around it.

#include "support/sandbox.h"

#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view edits = R"(
export default defineWorkflow({ id: "edits" }, async ({ event, step }) => {
  await step.cli("edit", { command: "echo changed > README.md; echo new > new.txt; cat local.env" });
  if (event.data.args.fail) throw new Error("as asked");
  return event.data.workingDir;
});
)";

struct Checkout {
  std::string status, head, branch, index, stash, branches_but_ours, readme;
  bool operator==(const Checkout&) const = default;
};

class WorkspaceTest : public testing::TestWithParam<std::string> {
 protected:
  explicit WorkspaceTest(const std::string& name = "project") : sandbox(name) {
    sandbox.define("edits.ts", edits);
    sandbox.write(".gitignore", "local.env\n");
    sandbox.write(".worktreeinclude", "local.env\n");
    sandbox.make_repository();
    sandbox.write("local.env", "SECRET=1\n");
    sandbox.write("README.md", "# Project\nstashed\n");
    sandbox.git({"stash"});
    sandbox.write("README.md", "# Project\nedited by the user\n");
    sandbox.write("staged.txt", "staged\n");
    sandbox.git({"add", "staged.txt"});
  }

  Checkout checkout() {
    std::ifstream index(sandbox.project / ".git/index", std::ios::binary);
    return {.status = sandbox.git({"--no-optional-locks", "status", "--porcelain=v2", "--branch"}),
            .head = sandbox.git({"rev-parse", "HEAD"}),
            .branch = sandbox.git({"branch", "--show-current"}),
            .index = std::string(std::istreambuf_iterator<char>(index), {}),
            .stash = sandbox.git({"stash", "list"}),
            .branches_but_ours = sandbox.git({"for-each-ref", "refs/heads/main", "refs/stash"}),
            .readme = sandbox.read("README.md")};
  }

  Sandbox sandbox;
};

TEST_F(WorkspaceTest, AWorktreeRunLeavesTheCheckoutByteForByte) {
  const auto before = checkout();
  const auto finished =
      sandbox.agentcmd({"run", "edits", "--json", "--mode", "worktree", "--branch", "ours"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(checkout(), before);
  EXPECT_EQ(sandbox.git({"show", "ours:README.md"}), "changed\n");
  EXPECT_EQ(sandbox.git({"show", "ours:new.txt"}), "new\n");
  EXPECT_FALSE(fs::exists(sandbox.project / ".worktrees/ours")) << "removed: all is committed";
}

TEST_F(WorkspaceTest, IgnoredFilesThatTheProjectNamesAreInTheWorktree) {
  const auto finished = sandbox.agentcmd({"run", "edits", "--json", "--mode", "worktree"});
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(
      sandbox.agentcmd({"runs", "logs", result_of(finished)["id"]}).out.contains("SECRET=1"));
}

TEST_F(WorkspaceTest, AFailedRunKeepsItsWorktree) {
  const auto finished = sandbox.agentcmd(
      {"run", "edits", "--json", "--mode", "worktree", "--branch", "ours", "--arg", "fail=true"});
  EXPECT_EQ(finished.code, 1) << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "failed");
  EXPECT_EQ(sandbox.read(".worktrees/ours/new.txt"), "new\n");
}

TEST_F(WorkspaceTest, PreserveKeepsTheWorktree) {
  const auto finished = sandbox.agentcmd(
      {"run", "edits", "--json", "--mode", "worktree", "--branch", "ours", "--preserve"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(sandbox.read(".worktrees/ours/README.md"), "changed\n");
}

TEST_F(WorkspaceTest, LogsAndWorktreesStayOutOfStatus) {
  const auto before = checkout();
  sandbox.agentcmd({"run", "edits", "--json", "--mode", "worktree", "--preserve"});
  EXPECT_EQ(checkout().status, before.status);
}

TEST_F(WorkspaceTest, StayModeWorksInTheCheckoutAndCommitsNothing) {
  const auto head = sandbox.git({"rev-parse", "HEAD"});
  const auto finished = sandbox.agentcmd({"run", "edits", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(sandbox.read("README.md"), "changed\n");
  EXPECT_EQ(sandbox.git({"rev-parse", "HEAD"}), head);
}

TEST_F(WorkspaceTest, BranchModeRestoresTheBranchOfTheUser) {
  sandbox.git({"checkout", "-q", "--", "README.md"});
  const auto finished =
      sandbox.agentcmd({"run", "edits", "--json", "--mode", "branch", "--branch", "ours"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(sandbox.git({"branch", "--show-current"}), "main\n");
  EXPECT_EQ(sandbox.git({"show", "ours:new.txt"}), "new\n");
}

class OddPathTest : public WorkspaceTest {
 protected:
  OddPathTest() : WorkspaceTest("größe mit leer 'zeichen'") {}
};

TEST_F(OddPathTest, SpacesQuotesAndOtherLettersInThePathAreFine) {
  const auto before = checkout();
  const auto finished =
      sandbox.agentcmd({"run", "edits", "--json", "--mode", "worktree", "--branch", "ours"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(checkout(), before);
  EXPECT_EQ(sandbox.git({"show", "ours:new.txt"}), "new\n");
}

}  // namespace
}  // namespace agentcmd::test
