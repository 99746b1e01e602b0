#include "projects/trigger_config.h"

#include "base/limits.h"

#include <gtest/gtest.h>

namespace agentcmd::projects {
namespace {

Result<TriggerConfig> config(const std::string& triggers) {
  return trigger_config("nightly", {R"({"triggers":)" + triggers + "}"});
}

std::string complaint(const std::string& triggers) {
  const auto read = config(triggers);
  return read ? "accepted" : read.error().message;
}

TEST(TriggerConfig, ADefinitionWithoutTriggersHasNone) {
  const auto none = trigger_config("nightly", {""}).value();
  EXPECT_TRUE(none.events.empty() && none.crons.empty());
}

TEST(TriggerConfig, SchedulesAreNamedAfterTheirDefinition) {
  const auto crons =
      config(R"([{"cron":"0 9 * * *"},{"event":"e"},{"cron":"0 17 * * *"}])").value().crons;
  ASSERT_EQ(crons.size(), 2U);
  EXPECT_EQ(crons[0].name, "nightly");
  EXPECT_EQ(crons[1].name, "nightly#2");
  EXPECT_EQ(crons[0].timezone, "UTC");
  EXPECT_EQ(crons[0].overlap, Overlap::skip);
  EXPECT_EQ(crons[0].catch_up, Milliseconds(limits::schedule_catch_up));
}

TEST(TriggerConfig, AScheduleComesBackFromItsText) {
  const auto cron = config(R"([{"cron":"*/5 * * * *","timezone":"Europe/Berlin",
      "overlap":"cancel-old","catchUp":"2h","args":{"n":1},"mode":"worktree"}])")
                        .value()
                        .crons.at(0);
  EXPECT_EQ(cron.catch_up, std::chrono::hours(2));
  EXPECT_EQ(cron.args.text, R"({"n":1})");
  EXPECT_EQ(trigger_from("nightly", spec_of(cron)), cron);
}

TEST(TriggerConfig, AnEventIsWantedByNameAndByWhatItsDataSay) {
  const auto plain = config(R"([{"event":"pull"}])").value().events.at(0);
  EXPECT_TRUE(plain.wants("pull", {}));
  EXPECT_FALSE(plain.wants("push", {}));
  const auto some =
      config(R"([{"event":"pull","if":{"base.ref":"main","draft":false}}])").value().events.at(0);
  const auto data = [](const char* text) { return parse_trusted(text, "data"); };
  EXPECT_TRUE(some.wants("pull", data(R"({"base":{"ref":"main"},"draft":false,"n":1})")));
  EXPECT_FALSE(some.wants("pull", data(R"({"base":{"ref":"dev"},"draft":false})")));
  EXPECT_FALSE(some.wants("pull", data(R"({"base":"main","draft":false})")));
  EXPECT_FALSE(some.wants("pull", data("7")));
}

TEST(TriggerConfig, WhatDoesNotFitIsRefusedByItsPlace) {
  EXPECT_EQ(complaint(R"({"cron":"x"})"), "the definition 'nightly': triggers must be a list");
  EXPECT_EQ(complaint(R"([{"event":"e"},{}])"),
            "the definition 'nightly': trigger 2: must have either event or cron");
  EXPECT_NE(complaint(R"([{"event":"e","cron":"x"}])").find("either"), std::string::npos);
  EXPECT_NE(complaint(R"([{"event":""}])").find("name of an event"), std::string::npos);
  EXPECT_NE(complaint(R"([{"event":"e","if":"x"}])").find("if must be"), std::string::npos);
  EXPECT_NE(complaint(R"([{"cron":""}])").find("pattern"), std::string::npos);
  EXPECT_NE(complaint(R"([{"cron":"x","overlap":"no"}])").find("overlap"), std::string::npos);
  EXPECT_NE(complaint(R"([{"cron":"x","catchUp":"soon"}])").find("catchUp"), std::string::npos);
  EXPECT_NE(complaint(R"([{"cron":"x","args":[]}])").find("args"), std::string::npos);
  EXPECT_NE(complaint(R"([{"cron":"x","mode":"home"}])").find("mode"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd::projects
