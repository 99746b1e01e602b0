#include "history/export.h"

#include "base/fault.h"

#include <gtest/gtest.h>

namespace agentcmd::history {
namespace {

ExportedRun sample() {
  ExportedRun run{.run = {"r_1"}};
  const auto add = [&run](Detail detail) {
    const auto seq = run.events.size() + 1;
    run.events.push_back({.seq = seq,
                          .at = from_millis(1'700'000'000'000 + static_cast<std::int64_t>(seq)),
                          .detail = std::move(detail)});
  };
  // More than a double can hold, in a field and in payloads.
  add(RunCreated{.definition = "flow",
                 .file = "flow.ts",
                 .code_hash = "old",
                 .project = "/päth",
                 .name = "a \"name\"",
                 .seed = 18'446'744'073'709'551'557U,
                 .request = {R"({"args":{"n":123456789012345678901234567890,"b":1.0,"a":1E2}})"}});
  add(RunStarted{});
  add(StepScheduled{.key = {"a/b#2"}, .type = "run", .name = "b", .input = {"{ }"}});
  add(StepStarted{.key = {"a/b#2"}});
  add(StepFailed{.key = {"a/b#2"},
                 .failure = {.name = "Error", .message = "no\nline", .retry_after = 5},
                 .retry = true});
  add(StepStarted{.key = {"a/b#2"}, .attempt = 2});
  add(StepCompleted{.key = {"a/b#2"}, .attempt = 2, .output = {" null"}});
  add(RunPaused{.reason = "asked", .message = "m", .detail = {"{}"}});
  add(RunResumed{.by = "me", .code_hash = "new"});
  add(RunCompleted{{"null"}});
  return run;
}

TEST(Export, ComesBackAsItWas) {
  auto run = sample();
  EXPECT_EQ(read_export(export_text(run), "it").value(), run);
  run.bundle = ExportedBundle{
      .hash = "new", .file = "flow.ts", .code = "let a = \"\\u2028\";\n", .map = "{}"};
  EXPECT_EQ(read_export(export_text(run), "it").value(), run);
}

TEST(Export, NamesTheCodeThatTheRunIsPinnedToNow) {
  const auto json = Json::parse(export_text(sample()));
  EXPECT_EQ(json["code_hash"], "new");
  EXPECT_EQ(json["file"], "flow.ts");
  EXPECT_EQ(json["events"][6]["payload"], " null") << "undefined is told by its blank";
}

TEST(Export, RefusesWhatIsNoHistory) {
  EXPECT_FALSE(read_export("{", "it"));
  EXPECT_FALSE(read_export("[]", "it"));
  const auto other = read_export(R"({"format":"something"})", "a.json");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().message.contains("a.json is no exported history"));
  EXPECT_FALSE(read_export(R"({"format":"agentcmd-history","version":1,"events":[]})", "it"));
}

TEST(Export, RefusesALaterVersion) {
  auto json = Json::parse(export_text(sample()));
  json["version"] = 2;
  const auto later = read_export(json.dump(), "a.json");
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::failed_precondition);
}

TEST(Export, RefusesADamagedHistory) {
  auto json = Json::parse(export_text(sample()));
  json["events"].erase(2);
  EXPECT_THROW(static_cast<void>(read_export(json.dump(), "it")), Fault);
  json = Json::parse(export_text(sample()));
  json["events"][2]["kind"] = "StepInvented";
  EXPECT_THROW(static_cast<void>(read_export(json.dump(), "it")), Fault);
}

}  // namespace
}  // namespace agentcmd::history
