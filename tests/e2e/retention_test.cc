// runs prune and runs delete, as a user sees them.

#include "support/sandbox.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view quick = R"(
export default defineWorkflow({ id: "quick" }, async ({ step }) => {
  await step.cli("say", { command: "echo hello" });
  await step.artifact("note", { name: "note.txt", type: "text", content: "kept" });
  return "x".repeat(6000);
});
)";

constexpr std::string_view working = R"(
export default defineWorkflow({ id: "working" }, async ({ step }) => {
  await step.cli("work", { command: "echo work > made.txt" });
  throw new Error("not today");
});
)";

constexpr std::string_view waiting = R"(
export default defineWorkflow({ id: "waiting" }, async ({ step }) => {
  await step.cli("wait", { command: "touch started; while [ ! -e go ]; do sleep 0.02; done" });
});
)";

class RetentionE2eTest : public testing::Test {
 protected:
  RetentionE2eTest() {
    sandbox.define("quick.ts", quick);
    sandbox.define("working.ts", working);
    sandbox.define("waiting.ts", waiting);
    sandbox.make_repository();
  }
  std::string run(std::vector<std::string> args) {
    args.insert(args.begin(), "run");
    args.emplace_back("--json");
    return result_of(sandbox.agentcmd(args))["id"];
  }
  Json json(std::vector<std::string> args, int code = 0) {
    args.emplace_back("--json");
    const auto finished = sandbox.agentcmd(args);
    EXPECT_EQ(finished.code, code) << finished.out << finished.err;
    return parse_trusted(finished.out, "its output");
  }
  fs::path folder(const std::string& run) {
    return sandbox.project / ".agent/workflows/executions" / run;
  }
  std::size_t files_below(const fs::path& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }

  Sandbox sandbox;
};

TEST_F(RetentionE2eTest, PruneDeletesOldRunsWithAllThatIsTheirs) {
  const auto old = run({"quick"});
  const auto young = run({"quick"});
  ASSERT_TRUE(fs::exists(folder(old)));
  const auto dry = json({"runs", "prune", "--keep", "1", "--dry-run"});
  EXPECT_EQ(dry["deleted"].size(), 1U);
  EXPECT_GT(dry["bytes"], 1000);
  EXPECT_EQ(sandbox.runs().size(), 2U) << "only asked";

  const auto pruned = json({"runs", "prune", "--keep", "1"});
  EXPECT_EQ(pruned["deleted"].at(0)["id"], old);
  EXPECT_EQ(pruned["bytes"], dry["bytes"]);
  ASSERT_EQ(sandbox.runs().size(), 1U);
  EXPECT_EQ(sandbox.runs()[0]["id"], young);
  EXPECT_FALSE(fs::exists(folder(old)));
  EXPECT_TRUE(fs::exists(folder(young)));
  EXPECT_EQ(files_below(sandbox.home / "blobs"), 1U) << "both had the same result";
  EXPECT_NE(sandbox.agentcmd({"runs", "show", old}).code, 0);

  json({"runs", "delete", young});
  EXPECT_EQ(files_below(sandbox.home / "blobs"), 0U);
  EXPECT_TRUE(sandbox.runs().empty());
}

TEST_F(RetentionE2eTest, WithoutAPolicyPruneAsksForOne) {
  const auto refused = sandbox.agentcmd({"runs", "prune"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("--older-than 30d")) << refused.err;
  const auto wrong = sandbox.agentcmd({"runs", "prune", "--older-than", "soon"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(wrong.err.contains("--older-than")) << wrong.err;
}

TEST_F(RetentionE2eTest, TheConfigurationMayHoldThePolicy) {
  const auto id = run({"quick"});
  run({"quick"});
  std::ofstream(sandbox.home / "config.json") << R"({"retention": {"runs": 2}})";
  EXPECT_TRUE(json({"runs", "prune"})["deleted"].empty());
  std::ofstream(sandbox.home / "config.json") << R"({"retention": {"runs": 1}})";
  EXPECT_EQ(json({"runs", "prune"})["deleted"].at(0)["id"], id);
  std::ofstream(sandbox.home / "config.json") << R"({"retention": {"runs": -1}})";
  const auto refused = sandbox.agentcmd({"runs", "prune"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("\"days\": 30")) << refused.err;
}

TEST_F(RetentionE2eTest, APolicyInTheConfigurationIsFollowedOnceADay) {
  run({"quick"});
  run({"quick"});
  EXPECT_EQ(sandbox.runs().size(), 2U) << "without one nothing goes";
  std::ofstream(sandbox.home / "config.json") << R"({"retention": {"runs": 1}})";
  run({"quick"});
  EXPECT_EQ(sandbox.runs().size(), 1U);
  run({"quick"});
  EXPECT_EQ(sandbox.runs().size(), 2U) << "not yet again";
  fs::last_write_time(sandbox.home / "retention.last",
                      fs::file_time_type::clock::now() - std::chrono::hours(25));
  run({"quick"});
  EXPECT_EQ(sandbox.runs().size(), 1U);
}

TEST_F(RetentionE2eTest, AWorktreeWithUnsavedWorkKeepsItsRunAndSaysWhy) {
  const auto id = run({"working", "--mode", "worktree", "--branch", "feature"});
  const auto worktree = sandbox.project / ".worktrees/feature";
  ASSERT_TRUE(fs::exists(worktree / "made.txt"));
  auto kept = json({"runs", "prune", "--keep", "0"})["kept"];
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(kept[0]["reason"].get<std::string>().contains("uncommitted")) << kept;
  EXPECT_TRUE(fs::exists(worktree / "made.txt"));

  sandbox.exec({"git", "-C", worktree, "add", "."});
  sandbox.exec({"git", "-C", worktree, "commit", "-q", "-m", "work"});
  kept = json({"runs", "delete", id}, 1)["kept"];
  EXPECT_TRUE(kept[0]["reason"].get<std::string>().contains("no other branch")) << kept;
  EXPECT_EQ(sandbox.runs().size(), 1U);

  sandbox.git({"merge", "-q", "feature"});
  EXPECT_EQ(json({"runs", "delete", id})["deleted"].size(), 1U);
  EXPECT_FALSE(fs::exists(worktree));
  EXPECT_TRUE(sandbox.git({"worktree", "list"}).find("feature") == std::string::npos);
  EXPECT_FALSE(sandbox.git({"branch", "--list", "feature"}).empty()) << "the branch stays";
}

TEST_F(RetentionE2eTest, ARunThatIsBeingExecutedAndAnInterruptedOneStay) {
  auto running = sandbox.start({"run", "waiting", "--json"});
  wait_until([&] { return fs::exists(sandbox.project / "started"); }, "it started");
  const std::string id = sandbox.runs().at(0)["id"];
  EXPECT_TRUE(json({"runs", "prune", "--keep", "0"})["deleted"].empty());
  EXPECT_EQ(json({"runs", "delete", id}, 1)["kept"].at(0)["reason"], "it has not ended");
  running->signal(SIGKILL);
  running->wait();
  EXPECT_EQ(json({"runs", "prune", "--older-than", "0s"})["kept"].at(0)["id"], id);
  sandbox.write("go", "");
  EXPECT_EQ(sandbox.agentcmd({"runs", "resume", id}).code, 0);
  EXPECT_EQ(json({"runs", "prune", "--older-than", "0s"})["deleted"].size(), 1U);
}

// Killed at many moments, what is listed is always whole, and the next prune leaves nothing.
TEST_F(RetentionE2eTest, KilledInTheMiddleTheNextPruneFinishes) {
  for (int i = 0; i < 4; ++i) run({"quick"});
  const auto steps = sandbox.run(sandbox.runs().at(0)["id"])["steps"].size();
  for (int moment = 0; moment < 12; ++moment) {
    auto pruning = sandbox.start({"runs", "prune", "--keep", "0", "--json"});
    // How far it gets differs from one time to the next; nothing here depends on it.
    for (int spin = 0; spin < moment * 3; ++spin) sandbox.exec({"true"});
    pruning->signal(SIGKILL);
    pruning->wait();
    for (const auto& listed : sandbox.runs()) {
      const auto shown = sandbox.run(listed["id"]);
      EXPECT_EQ(shown["steps"].size(), steps) << "a run that is listed is whole";
    }
    if (sandbox.runs().empty()) break;
  }
  json({"runs", "prune", "--keep", "0"});
  EXPECT_TRUE(sandbox.runs().empty());
  EXPECT_TRUE(fs::is_empty(sandbox.project / ".agent/workflows/executions"));
  EXPECT_EQ(files_below(sandbox.home / "blobs"), 0U);
}

TEST_F(RetentionE2eTest, UnknownRunsAreRefusedAndNothingIsDeleted) {
  const auto id = run({"quick"});
  const auto refused = sandbox.agentcmd({"runs", "delete", id, "rnonesuch"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(sandbox.runs().size(), 1U);
}

}  // namespace
}  // namespace agentcmd::test
