#include "projects/flow_config.h"

#include <gtest/gtest.h>

namespace agentcmd::projects {
namespace {

Result<FlowTerms> terms(const std::string& config, const std::string& args = "{}") {
  return flow_terms("/p", "deploy", {config}, {args});
}

std::string complaint(const std::string& config) {
  const auto made = terms(config);
  return made ? "accepted" : made.error().message;
}

TEST(FlowConfig, ADefinitionThatSaysNothingAsksForNothing) {
  const auto none = terms("{}").value();
  EXPECT_EQ(none.flow, history::Flow{});
  EXPECT_TRUE(none.policy.causes.empty());
}

TEST(FlowConfig, ConcurrencyIsANumberOrALimitForEachKey) {
  const auto all = terms(R"({"concurrency":2})").value().flow.groups.at(0);
  EXPECT_EQ(all.limit, 2U);
  EXPECT_EQ(all.label, "runs of 'deploy'");
  const auto config = R"({"concurrency":{"limit":1,"key":"args.env"}})";
  const auto prod = terms(config, R"({"env":"prod"})").value().flow.groups.at(0);
  EXPECT_EQ(prod.label, "runs of 'deploy' with key 'prod'");
  EXPECT_EQ(prod.id, terms(config, R"({"env":"prod","n":1})").value().flow.groups.at(0).id);
  EXPECT_NE(prod.id, terms(config, R"({"env":"test"})").value().flow.groups.at(0).id);
  EXPECT_NE(prod.id, terms(config).value().flow.groups.at(0).id);
  EXPECT_NE(
      prod.id,
      flow_terms("/q", "deploy", {config}, {R"({"env":"prod"})"}).value().flow.groups.at(0).id);
}

TEST(FlowConfig, SingletonIsOnePlaceAndAPolicyForTheNext) {
  const auto skip = terms(R"({"singleton":true})").value();
  ASSERT_EQ(skip.flow.groups.size(), 1U);
  EXPECT_EQ(skip.flow.groups[0].limit, 1U);
  EXPECT_EQ(skip.policy.refuse_if, (std::vector{skip.flow.groups[0].id}));
  const auto queue = terms(R"({"singleton":{"mode":"queue"}})").value();
  EXPECT_TRUE(queue.policy.refuse_if.empty() && queue.policy.cancel.empty());
  EXPECT_EQ(queue.flow.groups, skip.flow.groups);
  const auto cancel = terms(R"({"singleton":{"key":"env","mode":"cancel-old"}})").value();
  EXPECT_EQ(cancel.policy.cancel, (std::vector{cancel.flow.groups.at(0).id}));
}

TEST(FlowConfig, AnIdempotencyKeyHoldsOnlyWhereItIsWhole) {
  const auto causes = [](const std::string& args) {
    return terms(R"({"idempotency":"{order.id}/{day}"})", args).value().policy.causes;
  };
  ASSERT_EQ(causes(R"({"order":{"id":7},"day":"mon"})").size(), 1U);
  EXPECT_EQ(causes(R"({"order":{"id":7},"day":"mon"})")[0].text, "key 7/mon");
  EXPECT_TRUE(causes(R"({"order":{"id":7}})").empty());
  EXPECT_TRUE(causes(R"({"order":7,"day":null})").empty());
}

TEST(FlowConfig, KeysArePathsOrTextsWithPathsInBraces) {
  const auto args = parse_trusted(R"({"a":{"b":[1,"x"]},"args":5,"s":"{a}"})", "args");
  EXPECT_EQ(evaluate_key("a.b", args), R"([1,"x"])");
  EXPECT_EQ(evaluate_key("event.data.args.s", args), "{a}");
  EXPECT_EQ(evaluate_key("args", args), "5");
  EXPECT_EQ(evaluate_key("<{ s }>", args), "<{a}>");
  EXPECT_EQ(evaluate_key("open {a", args), "open {a");
  EXPECT_EQ(evaluate_key("a.b.c", args), std::nullopt);
}

TEST(FlowConfig, WhatDoesNotFitIsRefusedByName) {
  for (const auto* config : {R"({"concurrency":0})", R"({"concurrency":1.5})",
                             R"({"concurrency":{"key":"a"}})", R"({"concurrency":"2"})"}) {
    EXPECT_EQ(complaint(config),
              "the definition 'deploy': concurrency must be a whole number from 1, or {limit, "
              "key?}");
  }
  EXPECT_NE(complaint(R"({"singleton":{"mode":"drop"}})").find("singleton must be"),
            std::string::npos);
  EXPECT_NE(complaint(R"({"singleton":{"key":7}})").find("singleton.key must be"),
            std::string::npos);
  EXPECT_NE(complaint(R"({"idempotency":true})").find("idempotency must be"), std::string::npos);
  EXPECT_NE(complaint(R"({"priority":"high"})").find("priority must be"), std::string::npos);
}

TEST(FlowConfig, PriorityIsKeptWithTheRun) {
  EXPECT_EQ(terms(R"({"priority":-2})").value().flow.priority, -2);
}

}  // namespace
}  // namespace agentcmd::projects
