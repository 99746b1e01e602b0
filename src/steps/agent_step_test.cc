#include "steps/test_support.h"

#include <unistd.h>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::write_file;

class AgentStep : public StepTest {
 protected:
  Step scripted(const std::string& script, Json config = {}) {
    write_file(project() / "script.json", script);
    if (!config.contains("prompt")) config["prompt"] = "Fix it";
    config["agent"] = "claude";
    auto step = make_step("agent", std::move(config));
    step.run.agents_override = "scripted:script.json";
    return step;
  }
};

TEST_F(AgentStep, TheScriptedAgentEditsAndReplies) {
  const auto result = run_to_result(scripted(R"([{"do": [
      {"say": "reading"}, {"write": {"path": "a.txt", "content": "new\n"}},
      {"usage": {"inputTokens": 10, "outputTokens": 4, "costUsd": 0.25}}, {"reply": "all done"}]}])"));
  EXPECT_TRUE(bool_or(result, "success")) << result;
  EXPECT_EQ(string_or(result, "data"), "all done");
  EXPECT_EQ(result["exitCode"], 0);
  EXPECT_EQ(result["usage"]["inputTokens"], 10);
  EXPECT_EQ(result["usage"]["totalTokens"], 14);
  EXPECT_EQ(result["cost"], 0.25);
  EXPECT_EQ(contents(project() / "a.txt"), "new\n");
  EXPECT_NE(host_.shown["agent"].find("reading"), std::string::npos);
  EXPECT_NE(host_.shown["agent"].find("→ Write(a.txt)"), std::string::npos);
}

TEST_F(AgentStep, TheSessionIsRecordedBeforeTheProcessStarts) {
  const auto result = run_to_result(scripted("[]"));
  ASSERT_EQ(host_.checkpoints.size(), 1U);
  const auto noted = parse_trusted(host_.checkpoints[0].text, "checkpoint");
  EXPECT_EQ(string_or(noted, "sessionId"), string_or(result, "sessionId"));
}

TEST_F(AgentStep, JsonIsParsedAndKeepsItsBytes) {
  const auto outcome = run(scripted(
      R"([{"do": [{"reply": "Here:\n```json\n{\"n\": 123456789012345678901234567890}\n```"}]}])",
      {{"json", true}}));
  const auto& completed = std::get<Completed>(outcome.what);
  EXPECT_NE(completed.output.text.find(R"("data":{"n": 123456789012345678901234567890})"),
            std::string::npos)
      << completed.output.text;
}

TEST_F(AgentStep, AReplyWithoutJsonIsAValueThatSaysSo) {
  const auto result =
      run_to_result(scripted(R"([{"do": [{"reply": "I cannot"}]}])", {{"json", true}}));
  EXPECT_FALSE(bool_or(result, "success"));
  EXPECT_NE(string_or(result, "error").find("I cannot"), std::string::npos);
}

TEST_F(AgentStep, AnAgentThatFailsIsAValue) {
  const auto result = run_to_result(scripted(R"([{"do": [{"exit": 3}]}])"));
  EXPECT_FALSE(bool_or(result, "success"));
  EXPECT_EQ(result["exitCode"], 3);
}

TEST_F(AgentStep, AMalformedScriptFailsTheStep) {
  const auto result = run_to_result(scripted(R"([{"do": [{"wrte": 1}]}])"));
  EXPECT_NE(string_or(result, "failed").find("script.json: rule 1"), std::string::npos) << result;
}

TEST_F(AgentStep, AnUnknownAgentAndAnEmptyPromptFail) {
  EXPECT_NE(
      string_or(run_to_result(make_step("agent", {{"agent", "nobody"}, {"prompt", "x"}})), "failed")
          .find("no agent \"nobody\""),
      std::string::npos);
  EXPECT_EQ(string_or(run_to_result(make_step("agent", {{"agent", "scripted"}})), "failed"),
            "step.agent needs a prompt");
}

TEST_F(AgentStep, ATimeoutIsThrown) {
  auto step = scripted(R"([{"do": [{"delayMs": 1000000}]}])");
  step.input = {to_text(
      {{"config", {{"agent", "claude"}, {"prompt", "x"}}}, {"options", {{"timeout", 100}}}})};
  EXPECT_TRUE(string_or(run_to_result(step), "timedOut").contains("its attempt timeout of"));
}

TEST_F(AgentStep, AStopCancelsIt) {
  host_.on_output = [this] { stop_.request(); };
  EXPECT_TRUE(bool_or(run_to_result(scripted(R"([{"do": [{"say": "x"}, {"delayMs": 1000000}]}])")),
                      "cancelled"));
}

TEST_F(AgentStep, ARecoveredAttemptGoesOnWithItsProcessAndSession) {
  auto step = scripted(R"([{"do": [{"write": {"path": "begun", "content": "x"}},
                                   {"delayMs": 300}, {"reply": "finished"}]}])");
  run_until_killed(step, [this] { return contents(project() / "begun") == "x"; });
  ASSERT_TRUE(checkpoint_before_);
  fs::remove(project() / "begun");
  step.recovery = Recovery{.checkpoint = checkpoint_before_};
  const auto result = run_to_result(step);
  EXPECT_EQ(string_or(result, "data"), "finished") << result;
  EXPECT_EQ(string_or(result, "sessionId"),
            string_or(parse_trusted(checkpoint_before_->text, "c"), "sessionId"));
  EXPECT_FALSE(fs::exists(project() / "begun"));
  EXPECT_TRUE(host_.checkpoints.empty());
}

TEST_F(AgentStep, AfterALostAttemptTheSessionIsResumedAndTheAgentToldSo) {
  auto step = scripted(
      R"([{"match": {"prompt": "interrupted[\\s\\S]*Fix it"}, "do": [{"reply": "resumed"}]}])");
  step.lost_checkpoint = JsonText{R"({"agent":"claude","sessionId":"s-1","resume":false})"};
  step.attempt = 2;
  const auto result = run_to_result(step);
  EXPECT_EQ(string_or(result, "data"), "resumed") << result;
  EXPECT_EQ(string_or(result, "sessionId"), "s-1");
  EXPECT_TRUE(bool_or(parse_trusted(host_.checkpoints.at(0).text, "c"), "resume"));
}

TEST_F(AgentStep, ACheckpointWithoutASessionIsNoneOfTheAgents) {
  auto step = scripted(R"([{"do": [{"reply": "x"}]}])");
  step.attempt = 2;
  step.recovery = Recovery{.checkpoint = JsonText{R"({"snapshot":"c0"})"}};
  step.lost_checkpoint = JsonText{R"({"agent":"claude","sessionId":"s-1","resume":false})"};
  EXPECT_EQ(string_or(run_to_result(step), "sessionId"), "s-1");
  EXPECT_EQ(host_.checkpoints.size(), 1U) << "its session is recorded before it begins";
}

TEST_F(AgentStep, SecretsAreRedacted) {
  auto step = scripted(R"([{"do": [{"say": "key sk-123456789"}, {"reply": "sk-123456789!"}]}])");
  step.run.secrets = {Secret("sk-123456789")};
  const auto result = run_to_result(step);
  EXPECT_EQ(string_or(result, "data"), "[redacted]!");
  EXPECT_EQ(host_.shown["agent"].find("sk-123456789"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd::steps
