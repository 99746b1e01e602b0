#include "cli/summary.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

history::Event event(std::int64_t at, history::Detail detail) {
  return {1, from_millis(at), std::move(detail)};
}

RunFacts facts_of_worktree_run() {
  RunFacts facts;
  history::RunCreated created;
  created.name = "Feature";
  created.definition = "feature";
  created.project = "/my project";
  created.request.text = R"({"mode":"worktree"})";
  facts.apply(event(0, created));
  facts.apply(event(1, history::RunUpdated{{R"({"branch":"feat/x","worktree":"/w"})"}}));
  facts.apply(event(2, history::RunUpdated{{R"({"diffstat":" 1 file changed\n"})"}}));
  return facts;
}

Ending ending(store::RunStatus status, std::string message = "") {
  Ending value;
  value.run = {"r1"};
  value.status = status;
  value.message = std::move(message);
  return value;
}

bool has(const std::vector<std::string>& lines, std::string_view line) {
  return std::ranges::find(lines, line) != lines.end();
}

TEST(Summary, ACompletedRunSaysHowToMergeIt) {
  auto facts = facts_of_worktree_run();
  facts.apply(event(3000, history::RunCompleted{{R"({"ok":true})"}}));
  const auto lines = summary(ending(store::RunStatus::completed), facts, {});
  EXPECT_EQ(lines[0], "✓ Completed in 3.0 s");
  EXPECT_TRUE(has(lines, "  branch    feat/x"));
  EXPECT_TRUE(has(lines, "  changes   1 file changed"));
  EXPECT_TRUE(has(lines, "  merge     git -C '/my project' merge feat/x"));
  EXPECT_TRUE(has(lines, "      \"ok\": true"));
}

TEST(Summary, ADiffstatInNumbersReadsAsGitSaysIt) {
  auto facts = facts_of_worktree_run();
  facts.apply(
      event(3, history::RunUpdated{{R"({"diffstat":{"files":2,"insertions":5,"deletions":1}})"}}));
  EXPECT_EQ(diffstat_of(facts), "2 files changed, 5 insertions(+), 1 deletions(-)");
}

TEST(Summary, WithoutChangesThereIsNothingToMerge) {
  auto facts = facts_of_worktree_run();
  facts.apply(event(3, history::RunUpdated{{R"({"diffstat":{"files":0}})"}}));
  EXPECT_EQ(merge_command(facts), "");
  facts.apply(event(3, history::RunUpdated{{R"({"diffstat":""})"}}));
  EXPECT_EQ(merge_command(facts), "");
}

TEST(Summary, AFailedRunShowsMessageAndStack) {
  auto facts = facts_of_worktree_run();
  facts.apply(event(
      9,
      history::RunFailed{{.name = "Error", .message = "it broke", .stack = "at feature.ts:3:5"}}));
  const auto lines = summary(ending(store::RunStatus::failed, "it broke"), facts, {});
  EXPECT_TRUE(has(lines, "    it broke"));
  EXPECT_TRUE(has(lines, "    at feature.ts:3:5"));
}

TEST(Summary, APausedRunSaysWhyAndHowToGoOn) {
  const auto lines = summary(ending(store::RunStatus::paused, "lost"), {}, {});
  EXPECT_TRUE(has(lines, "  reason    lost"));
  EXPECT_TRUE(has(lines, "  go on     agentcmd runs resume r1"));
}

TEST(Summary, ALeftRunSaysHowToGoOn) {
  auto left = ending(store::RunStatus::running);
  left.interrupted = true;
  EXPECT_TRUE(has(summary(left, {}, {}), "  go on     agentcmd runs resume r1"));
}

TEST(Summary, AWaitingRunSaysWhatForAndHowToAnswer) {
  RunFacts facts;
  facts.apply(event(0, history::GateOpened{.key = {"ship/go"},
                                           .name = "go",
                                           .phase = "ship",
                                           .timeout_at = {},
                                           .gate = {R"({"title":"Ship?","options":["a","b"]})"}}));
  const auto lines = summary(ending(store::RunStatus::waiting), facts, {});
  EXPECT_EQ(lines[0], "? Waiting");
  for (const auto* line :
       {"  waits for approval 'go': Ship?", "  options   a, b",
        "  approve   agentcmd approve r1 ship/go --option a",
        "  deny      agentcmd deny r1 ship/go", "  go on     agentcmd runs resume r1"}) {
    EXPECT_TRUE(has(lines, line)) << line;
  }
}

TEST(RunFacts, ProgressIsWhatAClosureSaidLast) {
  RunFacts facts;
  const history::StepKey key{"import"};
  facts.apply(event(0, history::StepCheckpoint{key, 1, {R"({"progress":"{\"done\":1}"})"}}));
  facts.apply(event(1, history::StepCheckpoint{key, 1, {R"({"snapshot":"c0ffee"})"}}));
  facts.apply(event(2, history::StepCheckpoint{key, 1, {R"({"progress":"\"half\""})"}}));
  EXPECT_EQ(facts.progress.at(key), "half");
}

TEST(RunFacts, ArtifactsAreCollectedFromTheirSteps) {
  RunFacts facts;
  facts.apply(event(0, history::StepScheduled{{"a/report"}, "artifact", "report", "a", {"{}"}}));
  facts.apply(event(0, history::StepScheduled{{"a/test"}, "cli", "test", "a", {"{}"}}));
  facts.apply(event(
      1, history::StepCompleted{{"a/report"},
                                1,
                                true,
                                {R"({"data":{"artifacts":[{"name":"a.txt","path":"/a.txt"}]}})"}}));
  facts.apply(event(1, history::StepCompleted{{"a/test"}, 1, true, {R"({"data":{}})"}}));
  ASSERT_EQ(facts.artifacts.size(), 1u);
  EXPECT_EQ(facts.artifacts[0].step.text, "a/report");
  EXPECT_EQ(facts.artifacts[0].data["path"], "/a.txt");
}

TEST(RunFacts, AResumedRunIsPausedNoLonger) {
  RunFacts facts;
  facts.apply(event(0, history::RunPaused{"lost", "a step was lost", {"{}"}}));
  EXPECT_EQ(facts.paused_reason, "lost");
  facts.apply(event(1, history::RunResumed{"runs resume", ""}));
  EXPECT_EQ(facts.paused_reason, "");
}

}  // namespace
}  // namespace agentcmd::cli
