#include "base/text.h"
#include "git/repository.h"
#include "steps/test_support.h"

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::write_file;

class GitSteps : public StepTest {
 protected:
  GitSteps() {
    git({"init", "-q", "-b", "main"});
    git({"config", "user.name", "Tester"});
    git({"config", "user.email", "tester@example.org"});
    write_file(project() / "a.txt", "a\n");
    git({"add", "-A"});
    git({"commit", "-q", "-m", "first"});
  }

  std::string git(std::vector<std::string> args, fs::path where = {}) {
    if (where.empty()) where = project();
    auto out = wait(git::git_output({io_.get_executor(), where}, std::move(args), {}));
    EXPECT_TRUE(out) << out.error().message;
    return out ? std::string(trim(*out)) : "";
  }
  Json git_step(Json config) { return run_to_result(make_step("git", std::move(config))); }
};

TEST_F(GitSteps, CommitTakesEverythingAndSaysWhetherThereWasSomething) {
  write_file(project() / "new file.txt", "x");
  const auto made = git_step({{"operation", "commit"}, {"message", "add it"}});
  EXPECT_TRUE(bool_or(made["data"], "hadChanges")) << made;
  EXPECT_EQ(string_or(made["data"], "commitSha"), git({"rev-parse", "HEAD"}));
  const auto none = git_step({{"operation", "commit"}, {"message", "again"}});
  EXPECT_FALSE(bool_or(none["data"], "hadChanges"));
  EXPECT_FALSE(none["data"].contains("commitSha"));
}

TEST_F(GitSteps, ACommitThatALostAttemptMadeIsNotMadeAgain) {
  const auto before = git({"rev-parse", "HEAD"});
  write_file(project() / "b", "x");
  git({"add", "-A"});
  git({"commit", "-q", "-m", "mine"});
  write_file(project() / "later", "made after the commit");
  auto step = make_step("git", {{"operation", "commit"}, {"message", "mine"}});
  step.recovery = Recovery{.checkpoint = JsonText{to_text({{"head", before}})}};
  const auto result = run_to_result(step);
  EXPECT_EQ(string_or(result["data"], "commitSha"), git({"rev-parse", "HEAD"})) << result;
  EXPECT_EQ(git({"rev-list", "--count", "HEAD"}), "2");
}

// A checkpoint may be about something else than this step's own work (the run's snapshots).
TEST_F(GitSteps, OnlyWhatAnAttemptNotedOfItsOwnIsATraceOfIt) {
  const auto before = git({"rev-parse", "HEAD"});
  write_file(project() / "b", "x");
  auto step = make_step("git", {{"operation", "commit"}, {"message", "mine"}});
  step.recovery = Recovery{.checkpoint = JsonText{R"({"snapshot":"c0"})"}};
  EXPECT_TRUE(bool_or(run_to_result(step)["data"], "hadChanges"));
  EXPECT_EQ(git({"rev-list", "--count", "HEAD"}), "2");
  step.lost_checkpoint = JsonText{to_text({{"head", before}})};
  EXPECT_EQ(string_or(run_to_result(step)["data"], "commitSha"), git({"rev-parse", "HEAD"}));
  EXPECT_EQ(git({"rev-list", "--count", "HEAD"}), "2");
}

TEST_F(GitSteps, BranchCarriesUncommittedChangesAlong) {
  write_file(project() / "a.txt", "changed\n");
  const auto result = git_step({{"operation", "branch"}, {"branch", "feat/x"}});
  EXPECT_EQ(string_or(result["data"], "branch"), "feat/x") << result;
  EXPECT_EQ(git({"branch", "--show-current"}), "feat/x");
  EXPECT_EQ(contents(project() / "a.txt"), "changed\n");
}

TEST_F(GitSteps, CommitAndBranchLeavesTheOldBranchAsItWas) {
  const auto before = git({"rev-parse", "main"});
  write_file(project() / "a.txt", "changed\n");
  const auto result = git_step(
      {{"operation", "commit-and-branch"}, {"branch", "feat/y"}, {"commitMessage", "wip"}});
  EXPECT_TRUE(bool_or(result["data"], "hadUncommittedChanges")) << result;
  EXPECT_FALSE(bool_or(result["data"], "alreadyOnBranch", true));
  EXPECT_EQ(git({"rev-parse", "main"}), before);
  EXPECT_EQ(git({"log", "-1", "--format=%s", "feat/y"}), "wip");
}

TEST_F(GitSteps, WorktreesComeAndGo) {
  const auto made =
      git_step({{"operation", "worktree-add"}, {"branch", "feat/z"}, {"worktreeName", "z"}});
  const fs::path path = string_or(made["data"], "worktreePath");
  EXPECT_EQ(path, project() / ".worktrees/z") << made;
  EXPECT_EQ(git({"branch", "--show-current"}, path), "feat/z");
  const auto gone = git_step({{"operation", "worktree-remove"}, {"worktreePath", path.string()}});
  EXPECT_TRUE(bool_or(gone, "success")) << gone;
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(GitSteps, RefusalsAreThrownInWords) {
  EXPECT_NE(string_or(git_step({{"operation", "branch"}, {"branch", "-x"}}), "failed"), "");
  EXPECT_EQ(string_or(git_step({{"operation", "commit"}}), "failed"),
            "step.git needs a message for the operation \"commit\"");
  EXPECT_NE(string_or(git_step({{"operation", "merge"}}), "failed").find("commit-and-branch"),
            std::string::npos);
}

TEST_F(GitSteps, APullRequestWithoutItsServiceIsAValue) {
  git({"switch", "-q", "-c", "feat/pr"});
  const auto result = git_step({{"operation", "pr"}, {"title", "t"}});
  EXPECT_FALSE(bool_or(result, "success", true)) << result;
  EXPECT_NE(string_or(result, "error"), "");
}

TEST_F(GitSteps, AWorktreeIsSetUpAndFinalised) {
  const auto user_head = git({"rev-parse", "HEAD"});
  auto setup = make_step("setupWorkspace", {{"mode", "worktree"}, {"branchName", "feat/w"}});
  setup.phase = "_system_setup";
  const auto outcome = run(setup);
  const auto made = result_of(outcome);
  const fs::path dir = string_or(made["data"], "workingDir");
  ASSERT_TRUE(fs::is_directory(dir)) << made;
  EXPECT_EQ(git({"branch", "--show-current"}, dir), "feat/w");
  ASSERT_EQ(outcome.notes.size(), 1U);
  const auto facts =
      parse_trusted(std::get<history::RunUpdated>(outcome.notes[0]).fields.text, "facts");
  EXPECT_EQ(string_or(facts, "working_dir"), dir.string());
  EXPECT_EQ(string_or(facts, "base_commit"), user_head);

  write_file(dir / "work.txt", "done\n");
  auto finalize =
      make_step("finalizeWorkspace", {{"outcome", "completed"}, {"workspace", made["data"]}});
  finalize.phase = "_system_finalize";
  const auto ended = run_to_result(finalize);
  EXPECT_TRUE(bool_or(ended, "success")) << ended;
  EXPECT_FALSE(fs::exists(dir)) << ended;
  EXPECT_EQ(git({"show", "feat/w:work.txt"}), "done");
  EXPECT_EQ(git({"rev-parse", "HEAD"}), user_head);
}

TEST_F(GitSteps, InModeBranchTheUsersOwnChangesAreNotCommitted) {
  write_file(project() / "a.txt", "of the user\n");
  write_file(project() / "staged", "of the user");
  git({"add", "staged"});
  write_file(project() / "both", "of the user");
  auto setup = make_step("setupWorkspace", {{"mode", "branch"}, {"branchName", "feat/b"}});
  setup.phase = "_system_setup";
  run(setup);
  const Json commit{{"operation", "commit"}, {"message", "work"}};
  EXPECT_FALSE(bool_or(git_step(commit)["data"], "hadChanges", true));

  write_file(project() / "new", "of the run");
  write_file(project() / "both", "of both");
  const auto made = git_step(commit);
  EXPECT_EQ(string_or(made["data"], "commitSha"), git({"rev-parse", "feat/b"})) << made;
  EXPECT_EQ(git({"show", "--format=", "--name-only", "feat/b"}), "both\nnew");
  EXPECT_EQ(git({"status", "--porcelain"}), "M a.txt\nA  staged");
}

TEST_F(GitSteps, AWorktreeOfARunInModeBranchIsCommittedWhole) {
  write_file(project() / "new", "of the user");
  auto setup = make_step("setupWorkspace", {{"mode", "branch"}, {"branchName", "feat/b"}});
  setup.phase = "_system_setup";
  run(setup);
  git_step({{"operation", "worktree-add"}, {"branch", "side"}, {"worktreeName", "side"}});
  const auto side = project() / ".worktrees/side";
  write_file(side / "new", "of the user");  // the same by chance
  auto step = make_step("git", {{"operation", "commit"}, {"message", "side"}});
  step.run.working_dir = side;
  EXPECT_TRUE(bool_or(run_to_result(step)["data"], "hadChanges"));
}

TEST_F(GitSteps, WithoutAModeTheRunStaysInTheProject) {
  const auto made = run_to_result(make_step("setupWorkspace", Json::object()));
  EXPECT_EQ(string_or(made["data"], "workingDir"), project().string()) << made;
  EXPECT_EQ(string_or(made["data"], "mode"), "stay");
}

}  // namespace
}  // namespace agentcmd::steps
