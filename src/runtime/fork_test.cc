#include "runtime/fork.h"

#include "engine/decide.h"
#include "engine/run_state.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using namespace history;

// The beginnings of histories, and what stands in them.
std::vector<Event> history_of(std::vector<Detail> details) {
  return engine::number(engine::RunState{}, Time{}, std::move(details));
}

std::vector<Event> operator+(std::vector<Event> events, std::vector<Detail> more) {
  engine::RunState state;
  state.seq = events.size();
  for (auto& event : engine::number(state, Time{}, std::move(more))) {
    events.push_back(std::move(event));
  }
  return events;
}

StepScheduled step(std::string key, std::string type = "cli") {
  return {.key = {std::move(key)}, .type = std::move(type), .input = {"{}"}};
}
StepStarted started(std::string key) {
  return {.key = {std::move(key)}};
}
StepCompleted done(std::string key) {
  return {.key = {std::move(key)}, .output = {"1"}};
}
StepCheckpoint kept(std::string key, const std::string& commit) {
  return {.key = {std::move(key)}, .data = {R"({"snapshot":")" + commit + R"("})"}};
}
StepCheckpoint not_kept(std::string key) {
  return {.key = {std::move(key)}, .data = {R"({"snapshot":null})"}};
}

constexpr auto setup = "_system_setup/setup-workspace";

std::vector<Event> begun(const std::string& mode) {
  return history_of(
      {RunCreated{.definition = "def",
                  .file = "def.ts",
                  .code_hash = "pin",
                  .project = "/p",
                  .name = "name",
                  .seed = 7,
                  .request = {R"({"args":{"n":123456789012345678901234567890},"mode":")" + mode +
                              R"("})"}},
       RunStarted{}, step(setup, "setupWorkspace"), started(setup),
       RunUpdated{
           {R"({"mode":")" + mode + R"(","branch":"feat","base":"main","base_commit":"b0"})"}},
       done(setup)});
}

// a and b change files, then the code waits for a timer.
std::vector<Event> in_worktree() {
  return begun("worktree") + std::vector<Detail>{step("a"),
                                                 started("a"),
                                                 kept("a", "c1"),
                                                 done("a"),
                                                 step("b"),
                                                 started("b"),
                                                 kept("b", "c2"),
                                                 done("b"),
                                                 TimerStarted{.key = {"nap"}},
                                                 TimerFired{{"nap"}},
                                                 step("end", "finalizeWorkspace"),
                                                 started("end"),
                                                 kept("end", "c3"),
                                                 done("end"),
                                                 RunCompleted{{"null"}}};
}

Json files_of(const ForkPlan& plan) {
  return parse_trusted(plan.request.text, "request").value("files", Json::object());
}

TEST(Fork, TakesOverWhatWasKnownAndTheFilesOfThatMoment) {
  const auto plan = plan_fork({"r1"}, in_worktree(), {"b"}, Files::then);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->fork.origin, "fork");
  EXPECT_EQ(plan->fork.at.text, "b");
  EXPECT_EQ(plan->fork.seed, 7U);
  EXPECT_EQ(engine::memo_from(plan->fork.memo).size(), 1U);
  EXPECT_EQ(plan->code_hash, "pin");
  EXPECT_EQ(plan->snapshot, "c2");
  EXPECT_EQ(files_of(*plan), Json({{"step", setup},
                                   {"snapshot", "c2"},
                                   {"branch", "feat"},
                                   {"base", "main"},
                                   {"baseCommit", "b0"}}));
}

TEST(Fork, KeepsTheArgumentsByteForByte) {
  const auto plan = plan_fork({"r1"}, in_worktree(), {"b"}, Files::then).value();
  EXPECT_EQ(plan.args.text, R"({"n":123456789012345678901234567890})");
  EXPECT_TRUE(plan.request.text.contains(R"("args":{"n":123456789012345678901234567890})"));
  const auto other = with_args(plan.request, {R"({"n":1.0})"});
  EXPECT_TRUE(other.text.starts_with(R"({"args":{"n":1.0},"mode":"worktree","files":)"))
      << other.text;
}

TEST(Fork, TheFirstEventsSayWhereItComesFrom) {
  const auto plan = plan_fork({"r1"}, in_worktree(), {"b"}, Files::then).value();
  const auto events = history_of(forked(RunCreated{.seed = 1}, plan.fork));
  const auto state = engine::state_of(events);
  EXPECT_EQ(state.created.origin, "fork");
  EXPECT_EQ(state.created.forked_from, "r1");
  EXPECT_EQ(state.created.forked_at, "b");
  EXPECT_EQ(state.created.seed, 7U);
  EXPECT_EQ(state.memo.size(), 1U);
}

TEST(Fork, WhereNoFilesWereChangedTheNextSnapshotIsThatMomentsToo) {
  EXPECT_EQ(plan_fork({"r1"}, in_worktree(), {"nap"}, Files::then)->snapshot, "c3");
}

TEST(Fork, RefusesWhereAnotherStepWasChangingFiles) {
  const auto events =
      begun("worktree") +
      std::vector<Detail>{step("a"), started("a"), kept("a", "c1"), TimerStarted{.key = {"nap"}},
                          done("a"), step("b"),    started("b"),    kept("b", "c2")};
  const auto plan = plan_fork({"r1"}, events, {"nap"}, Files::then);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(plan.error().message.contains("step 'a' was changing files")) << plan.error().message;
  EXPECT_TRUE(plan.error().message.contains("The files were kept before: a, b"));
}

TEST(Fork, RefusesWhereTheSnapshotFailed) {
  const auto events =
      begun("worktree") + std::vector<Detail>{step("a"), started("a"), not_kept("a")};
  EXPECT_TRUE(
      plan_fork({"r1"}, events, {"a"}, Files::then).error().message.contains("could not be kept"));
}

TEST(Fork, RefusesWhereNothingWasKeptAfterIt) {
  const auto events = begun("worktree") + std::vector<Detail>{TimerStarted{.key = {"nap"}}};
  EXPECT_TRUE(plan_fork({"r1"}, events, {"nap"}, Files::then)
                  .error()
                  .message.contains("no files were kept"));
}

TEST(Fork, OfARunInTheCheckoutItSaysWhatWouldWork) {
  const auto events = begun("stay") + std::vector<Detail>{step("a"), started("a"), done("a")};
  const auto refused = plan_fork({"r1"}, events, {"a"}, Files::then);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("--files now")) << refused.error().message;
  const auto plan = plan_fork({"r1"}, events, {"a"}, Files::now);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->snapshot, std::nullopt);
  EXPECT_EQ(files_of(*plan), Json::object());
  EXPECT_FALSE(plan_fork({"r1"}, in_worktree(), {"a"}, Files::now));
}

TEST(Fork, OfARunInTheCheckoutWithSnapshotsHasAWorktree) {
  const auto events = begun("stay") + std::vector<Detail>{step("a"), started("a"), kept("a", "c1")};
  const auto plan = plan_fork({"r1"}, events, {"a"}, Files::then);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(parse_trusted(plan->request.text, "request")["mode"], "worktree");
  EXPECT_EQ(files_of(*plan)["snapshot"], "c1");
}

TEST(Fork, TheWorkspaceOfTheRunIsNoPlaceToForkFrom) {
  const auto refused = plan_fork({"r1"}, in_worktree(), {setup}, Files::then);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("agentcmd run def")) << refused.error().message;
}

TEST(Fork, AStepIsFoundByTheEndOfItsKey) {
  const auto events =
      begun("worktree") +
      std::vector<Detail>{step("build/compile"), step("test/compile"), step("test/run")};
  EXPECT_EQ(find_key(events, "run")->text, "test/run");
  EXPECT_EQ(find_key(events, "build/compile")->text, "build/compile");
  EXPECT_EQ(find_key(events, "compile").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(find_key(events, "nowhere").error().code, ErrorCode::not_found);
}

TEST(Retry, BeginsAtTheStepThatFailedAndGoesOnInTheSameWorkspace) {
  const auto events =
      begun("worktree") +
      std::vector<Detail>{step("a"),  started("a"), kept("a", "c1"), done("a"),
                          step("b"),  started("b"), kept("b", "c2"), StepFailed{.key = {"b"}},
                          RunFailed{}};
  const auto plan = plan_retry({"r1"}, events, Files::now);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->fork.origin, "retry");
  EXPECT_EQ(plan->fork.at.text, "b");
  EXPECT_EQ(files_of(*plan), Json({{"from", "r1"}}));
  const auto with_files = plan_retry({"r1"}, events, Files::then);
  ASSERT_TRUE(with_files) << with_files.error().message;
  EXPECT_EQ(files_of(*with_files), Json({{"from", "r1"}, {"step", setup}, {"snapshot", "c2"}}));
}

TEST(Retry, OfACancelledRunBeginsWhereItWasCancelled) {
  const auto events = begun("worktree") + std::vector<Detail>{step("a"),
                                                              started("a"),
                                                              done("a"),
                                                              step("b"),
                                                              started("b"),
                                                              RunCancelRequested{"me"},
                                                              StepCancelled{{"b"}},
                                                              step("undo"),
                                                              started("undo"),
                                                              done("undo"),
                                                              RunCancelled{}};
  const auto plan = plan_retry({"r1"}, events, Files::now).value();
  EXPECT_EQ(plan.fork.at.text, "b");
  const auto memo = engine::memo_from(plan.fork.memo);
  EXPECT_TRUE(memo.contains({"a"}));
  EXPECT_FALSE(memo.contains({"undo"})) << "clean-up of the cancelled run";
}

TEST(Retry, IsForRunsThatEndedBadly) {
  const auto completed = plan_retry({"r1"}, in_worktree(), Files::now);
  EXPECT_TRUE(completed.error().message.contains("runs fork")) << completed.error().message;
  const auto running = plan_retry({"r1"}, begun("stay"), Files::now);
  EXPECT_TRUE(running.error().message.contains("runs resume")) << running.error().message;
}

}  // namespace
}  // namespace agentcmd::runtime
