#include "runtime/run_diff.h"

#include "engine/decide.h"

#include <gtest/gtest.h>

namespace agentcmd::runtime {
namespace {

using namespace history;
using Kind = StepDifference::Kind;

std::vector<Event> history_of(std::vector<Detail> details) {
  return engine::number(engine::RunState{}, Time{}, std::move(details));
}

RunCreated created(const std::string& args) {
  return {.definition = "d", .code_hash = "c", .request = {R"({"args":)" + args + "}"}};
}
StepScheduled step(std::string key, std::string input = "{}", std::string type = "cli") {
  return {.key = {std::move(key)}, .type = std::move(type), .input = {std::move(input)}};
}
StepCompleted done(std::string key, std::string output) {
  return {.key = {std::move(key)}, .output = {std::move(output)}};
}

RunDiff diff_of(std::vector<Detail> a, std::vector<Detail> b) {
  return compare_runs({"a"}, history_of(std::move(a)), {"b"}, history_of(std::move(b)));
}

TEST(RunDiff, NamesStepsThatOnlyOneHasAndThoseThatDiffer) {
  const auto diff =
      diff_of({created("{}"), step("same"), done("same", "1"), step("input", R"({"x":1})"),
               done("input", "1"), step("result"), done("result", "1"), step("a"), done("a", "1")},
              {created("{}"), step("same"), done("same", "1"), step("input", R"({"x":2})"),
               done("input", "1"), step("result"), done("result", "2"), step("b"), done("b", "1")});
  EXPECT_EQ(diff.same_steps, 1U);
  ASSERT_EQ(diff.steps.size(), 4U);
  EXPECT_EQ(diff.steps[0].kind, Kind::input);
  EXPECT_EQ(diff.steps[1].kind, Kind::result);
  EXPECT_EQ(diff.steps[2].kind, Kind::only_in_a);
  EXPECT_EQ(diff.steps[3].kind, Kind::only_in_b);
  EXPECT_EQ(diff.steps[3].b->key, "b");
}

TEST(RunDiff, HowLongAStepTookIsNoDifferenceOfItsResult) {
  const auto diff =
      diff_of({created("{}"), step("s"),
               done("s", R"({"success":true,"data":{"b":1,"a":2},"trace":[{"duration":1}]})")},
              {created("{}"), step("s"),
               done("s", R"({"data":{"a":2,"b":1},"success":true,"trace":[{"duration":9}]})")});
  EXPECT_TRUE(diff.steps.empty());
}

TEST(RunDiff, ArgumentsAreComparedByName) {
  const auto diff = diff_of({created(R"({"n":1,"gone":true,"same":[1]})")},
                            {created(R"({"same":[1],"n":2,"new":"x"})")});
  ASSERT_EQ(diff.args.size(), 3U);
  EXPECT_EQ(diff.args[0].name, "gone");
  EXPECT_EQ(diff.args[1].b, "2");
  EXPECT_EQ(diff.args[2].a, "");
}

TEST(RunDiff, OutcomesAndCostsStandBesideEachOther) {
  const auto diff = diff_of(
      {created("{}"), step("s", "{}", "agent"), StepStarted{{"s"}, 1},
       done("s", R"({"success":true,"cost":0.5})"), RunCompleted{{"1"}}},
      {created("{}"), step("s", "{}", "agent"), StepStarted{{"s"}, 1},
       StepFailed{.key = {"s"}, .failure = {.message = "no"}}, RunFailed{{.message = "no"}}});
  EXPECT_FALSE(diff.same_result);
  EXPECT_EQ(diff.a.cost_usd, 0.5);
  EXPECT_EQ(diff.b.cost_usd, std::nullopt);
  EXPECT_EQ(diff.b.error, "no");
  EXPECT_EQ(diff.steps.at(0).kind, Kind::result);
  EXPECT_EQ(diff.costs.size(), 1U);
}

TEST(RunDiff, TheWorkspacesOfRunsAreTheirOwn) {
  const auto diff =
      diff_of({created("{}"), step("s", "{}", "setupWorkspace"), done("s", "1")}, {created("{}")});
  EXPECT_TRUE(diff.steps.empty());
}

}  // namespace
}  // namespace agentcmd::runtime
