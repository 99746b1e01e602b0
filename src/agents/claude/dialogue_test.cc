#include "agents/claude/dialogue.h"

#include <gtest/gtest.h>

namespace agentcmd::agents {
namespace {

constexpr const char* asks =
    R"({"type":"control_request","request_id":"q1","request":{"subtype":"can_use_tool",)"
    R"("tool_name":"Bash","input":{"command":"ls"},"decision_reason":"why","tool_use_id":"t1"}})";
constexpr const char* result = R"({"type":"result","subtype":"success","is_error":false})";

std::unique_ptr<Dialogue> dialogue() {
  AgentRequest request;
  request.prompt = "do it";
  return claude_dialogue(request);
}

// Everything that is to be sent now, sent.
std::vector<Json> send_all(Dialogue& dialogue) {
  std::vector<Json> sent;
  while (auto frame = dialogue.next()) {
    sent.push_back(frame->empty() ? Json("closed") : parse_trusted(*frame, "frame"));
    dialogue.sent(*frame);
  }
  return sent;
}

TEST(ClaudeDialogue, BeginsWithTheHandshakeAndThePrompt) {
  const auto claude = dialogue();
  const auto sent = send_all(*claude);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0]["request"]["subtype"], "initialize");
  EXPECT_EQ(sent[1]["message"]["content"][0]["text"], "do it");
}

TEST(ClaudeDialogue, AQuestionIsAnsweredWithItsInputOrAnother) {
  const auto claude = dialogue();
  send_all(*claude);
  claude->received(asks);
  ASSERT_EQ(claude->questions().size(), 1U);
  const auto& question = claude->questions()[0];
  EXPECT_EQ(question.tool, "Bash");
  EXPECT_EQ(question.why, "why");
  EXPECT_EQ(question.call_id, "t1");
  EXPECT_FALSE(claude->is_settled("q1"));
  claude->answer("q1", {.allow = true});
  claude->answer("q1", {.allow = false, .message = "a second answer counts for nothing"});
  const auto sent = send_all(*claude);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0]["response"]["request_id"], "q1");
  EXPECT_EQ(sent[0]["response"]["response"]["updatedInput"]["command"], "ls");
}

TEST(ClaudeDialogue, WhatAnEarlierDriverSentIsNotSentAgain) {
  const auto first = dialogue();
  std::vector<std::string> frames;
  const auto keep = [&] {
    while (auto frame = first->next()) {
      frames.push_back(*frame);
      first->sent(*frame);
    }
  };
  keep();
  first->received(asks);
  first->answer("q1", {.allow = false, .message = "no"});
  keep();

  // The next one may read the output before or after it knows of the frames.
  for (const bool output_first : {true, false}) {
    const auto second = dialogue();
    if (output_first) second->received(asks);
    for (const auto& frame : frames) second->sent(frame);
    if (!output_first) second->received(asks);
    EXPECT_FALSE(second->next());
    EXPECT_TRUE(second->is_settled("q1"));
    second->received(result);
    EXPECT_EQ(second->turns_ended(), second->messages());
    second->finish();
    EXPECT_EQ(send_all(*second), std::vector<Json>{"closed"});
  }
}

TEST(ClaudeDialogue, AnotherMessageIsAnotherTurn) {
  const auto claude = dialogue();
  send_all(*claude);
  claude->say("and more");
  EXPECT_EQ(claude->messages(), 2U);
  claude->received(result);
  EXPECT_LT(claude->turns_ended(), claude->messages());
  EXPECT_EQ(send_all(*claude).at(0)["message"]["content"][0]["text"], "and more");
}

TEST(ClaudeDialogue, AQuestionThatIsTakenBackNeedsNoAnswer) {
  const auto claude = dialogue();
  send_all(*claude);
  claude->received(asks);
  claude->received(R"({"type":"control_cancel_request","request_id":"q1"})");
  EXPECT_TRUE(claude->is_settled("q1"));
  claude->answer("q1", {.allow = true});
  EXPECT_FALSE(claude->next());
}

TEST(ClaudeDialogue, ARequestThatIsNotKnownGetsAnError) {
  const auto claude = dialogue();
  send_all(*claude);
  claude->received(
      R"({"type":"control_request","request_id":"h1","request":{"subtype":"hook_callback"}})");
  const auto sent = send_all(*claude);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0]["response"]["subtype"], "error");
  EXPECT_EQ(sent[0]["response"]["request_id"], "h1");
}

TEST(ClaudeDialogue, InPlanModeAChangeIsAgainstTheMode) {
  AgentRequest request;
  request.prompt = "plan it";
  request.permission_mode = "plan";
  const auto claude = claude_dialogue(request);
  claude->received(
      R"({"type":"control_request","request_id":"q1","request":{"subtype":"can_use_tool",)"
      R"("tool_name":"Write","input":{},"decision_reason_type":"mode","tool_use_id":"t1"}})");
  claude->received(
      R"({"type":"control_request","request_id":"q2","request":{"subtype":"can_use_tool",)"
      R"("tool_name":"ExitPlanMode","input":{"plan":"1."},"decision_reason_type":"mode"}})");
  EXPECT_TRUE(claude->questions().at(0).against_mode);
  EXPECT_EQ(claude->questions().at(1).kind, AgentQuestion::Kind::plan);
  EXPECT_FALSE(claude->questions().at(1).against_mode);
}

}  // namespace
}  // namespace agentcmd::agents
