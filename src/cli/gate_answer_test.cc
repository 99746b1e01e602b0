#include "cli/gate_answer.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

history::GateOpened opened(std::string key, std::string gate) {
  const auto name = key.substr(key.rfind('/') + 1);
  return {.key = {std::move(key)}, .name = name, .phase = {}, .timeout_at = {}, .gate = {gate}};
}

Waiting two_gates() {
  Waiting waiting;
  waiting.apply(opened("a/deploy", R"({"title":"Deploy?","options":["staging","production"]})"));
  waiting.apply(opened("b/merge", R"({"title":"Merge?","body":"It is\ngreen."})"));
  return waiting;
}

OpenGate deploy() {
  return two_gates().gates.at({"a/deploy"});
}
OpenGate merge() {
  return two_gates().gates.at({"b/merge"});
}

TEST(Waiting, KnowsWhatIsOpenAndForgetsWhatHasEnded) {
  auto waiting = two_gates();
  waiting.apply(history::WaitStarted{
      .key = {"w"}, .name = "w", .phase = {}, .event = "x", .timeout_at = from_millis(1000)});
  waiting.apply(
      history::TimerStarted{.key = {"t"}, .name = "t", .phase = {}, .fire_at = from_millis(0)});
  waiting.apply(history::StepScheduled{
      .key = {"s"}, .type = "cli", .name = "s", .phase = {}, .input = {"{}"}});
  const std::vector<std::string> lines{"approval 'deploy': Deploy?", "approval 'merge': Merge?",
                                       "event x for 'w' (until 1970-01-01T00:00:01.000Z)",
                                       "timer 't' (until 1970-01-01T00:00:00.000Z)"};
  EXPECT_EQ(waiting.lines(), lines);
  EXPECT_EQ(waiting.to_json().size(), 4U);
  EXPECT_EQ(waiting.steps.size(), 1U);
  waiting.apply(history::GateDecided{.key = {"a/deploy"}});
  waiting.apply(history::GateCancelled{{"b/merge"}});
  waiting.apply(history::WaitMatched{{"w"}, "1"});
  waiting.apply(history::TimerFired{{"t"}});
  waiting.apply(history::StepFailed{
      .key = {"s"}, .attempt = 1, .failure = {}, .retry = true, .retry_at = {}});
  EXPECT_TRUE(waiting.lines().empty());
  EXPECT_EQ(waiting.steps.size(), 1U) << "it is tried again";
  waiting.apply(history::RunCancelled{});
  EXPECT_TRUE(waiting.steps.empty());
}

TEST(Waiting, SaysWhatAnswersAGate) {
  EXPECT_EQ(approve_command({"r_1"}, deploy()), "agentcmd approve r_1 a/deploy --option staging");
  EXPECT_EQ(deny_command({"r_1"}, merge()), "agentcmd deny r_1 b/merge");
}

TEST(FindGate, TakesAKeyItsEndTheIdOrTheOnlyOne) {
  const auto waiting = two_gates();
  for (const auto* name : {"a/deploy", "deploy"}) {
    const auto found = find_gate(waiting, name);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->key.text, "a/deploy");
  }
  EXPECT_EQ(find_gate(waiting, "").error().message,
            "the run waits for several approvals; name one: a/deploy, b/merge");
  EXPECT_EQ(find_gate(waiting, "ploy").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_gate({}, "").error().code, ErrorCode::failed_precondition);
  auto one = waiting;
  one.apply(history::GateCancelled{{"b/merge"}});
  EXPECT_EQ(find_gate(one, "")->key.text, "a/deploy");
}

TEST(CheckAnswer, AnApprovalNamesAnOptionWhereThereAreSeveral) {
  EXPECT_TRUE(check_answer(deploy(), {true, "staging", ""}));
  EXPECT_TRUE(check_answer(deploy(), {false, "", "no"}));
  EXPECT_TRUE(check_answer(merge(), {true, "", ""}));
  EXPECT_EQ(check_answer(deploy(), {true, "", ""}).error().message,
            "approval 'a/deploy' has options: choose one with --option: staging, production");
  EXPECT_EQ(check_answer(deploy(), {true, "moon", ""}).error().message,
            "approval 'a/deploy' has no option 'moon'; it has: staging, production");
  EXPECT_EQ(check_answer(merge(), {true, "moon", ""}).error().message,
            "approval 'b/merge' has no options");
  auto single = deploy();
  single.options = {"staging"};
  EXPECT_EQ(check_answer(single, {true, "", ""})->option, "staging");
}

TEST(ParseAnswer, ALineSaysWhatAndWhy) {
  EXPECT_EQ(parse_answer(merge(), "y\n"), (GateAnswer{true, "", ""}));
  EXPECT_EQ(parse_answer(merge(), "no not on a Friday"),
            (GateAnswer{false, "", "not on a Friday"}));
  EXPECT_EQ(parse_answer(deploy(), "2 at last "), (GateAnswer{true, "production", "at last"}));
  EXPECT_EQ(parse_answer(deploy(), "staging"), (GateAnswer{true, "staging", ""}));
  for (const auto* line : {"", "y", "3", "stagingx", "maybe"}) {
    EXPECT_EQ(parse_answer(deploy(), line), std::nullopt) << line;
  }
}

TEST(Question, ShowsAllThatTheGateSays) {
  auto gate = deploy();
  gate.body = "It is\ngreen.";
  gate.until = from_millis(0);
  const std::vector<std::string> lines{
      "? Deploy?",       "  It is",
      "  green.",        "  1) staging",
      "  2) production", "  Without an answer until 1970-01-01T00:00:00.000Z it is not approved."};
  EXPECT_EQ(question_lines(gate, {}), lines);
  EXPECT_EQ(question_prompt(gate), "Approve? [1-2/n, and a reason if you like; Ctrl-C: later] ");
}

OpenGate tool_gate() {
  auto asked = opened("fix/ask1", R"x({"title":"claude wants to use Bash(ls)",
      "default":"allow once","options":["allow once","allow for the run"]})x");
  asked.step = {"fix"};
  Waiting waiting;
  waiting.apply(asked);
  return waiting.gates.at({"fix/ask1"});
}

TEST(GateAnswer, APlainYesTakesTheDefaultOption) {
  EXPECT_EQ(check_answer(tool_gate(), {.approved = true})->option, "allow once");
  EXPECT_EQ(check_answer(tool_gate(), {.approved = false})->option, "");
  EXPECT_EQ(parse_answer(tool_gate(), "y")->option, "allow once");
  EXPECT_EQ(parse_answer(tool_gate(), "2")->option, "allow for the run");
}

TEST(GateAnswer, AnInputIsAnObjectForATool) {
  EXPECT_TRUE(check_answer(tool_gate(), {.approved = true, .input = R"({"command":"ls"})"}));
  for (const auto* wrong : {"ls", "[1]"}) {
    EXPECT_FALSE(check_answer(tool_gate(), {.approved = true, .input = wrong})) << wrong;
  }
  const auto elsewhere = check_answer(merge(), {.approved = true, .input = "{}"});
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().message.find("not about the input of a tool"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd::cli
