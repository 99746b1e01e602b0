#include "agents/claude/stream_json.h"

#include "agents/line_framer.h"
#include "agents/outcome.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace agentcmd::agents {
namespace {

// Feeds a stream in pieces of `piece` bytes and returns what was tallied.
struct Played {
  Tally tally;
  std::vector<AgentEvent> events;
};
Played play(const std::string& stream, std::size_t piece) {
  Played played;
  LineFramer framer([&](std::string_view line) {
    for (auto& event : parse_stream_json(line)) {
      played.tally.add(event);
      played.events.push_back(std::move(event));
    }
  });
  for (std::size_t at = 0; at < stream.size(); at += piece) framer.feed(stream.substr(at, piece));
  framer.finish();
  return played;
}

const std::string init =
    R"({"type":"system","subtype":"init","cwd":"/p","session_id":"s-1","model":"m","claude_code_version":"2.1.197"})"
    "\n";

std::string result_line(const std::string& members) {
  return R"({"type":"result",)" + members + "}\n";
}

Verdict judge_stream(const std::string& stream, const std::string& ending = "exit code 0",
                     const std::string& complaints = "") {
  return judge("claude", play(stream, 4096).tally, ending, complaints);
}

TEST(StreamJson, AMessageBecomesItsTextsAndToolCalls) {
  const auto events = parse_stream_json(
      R"({"type":"assistant","message":{"content":[{"type":"text","text":"hi"},{"type":"thinking","thinking":"x"},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"npm test"}}]},"parent_tool_use_id":null})");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<Text>(events[0]).text, "hi");
  EXPECT_FALSE(std::get<Text>(events[0]).nested);
  EXPECT_EQ(render(events[1]), "→ Bash(npm test)");
}

TEST(StreamJson, AToolResultMayBeATextOrBlocks) {
  const auto text = parse_stream_json(
      R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"one\ntwo","is_error":true}]}})");
  EXPECT_EQ(render(text.at(0)), "✗ one two");
  const auto blocks = parse_stream_json(
      R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"three"}]}]}})");
  EXPECT_EQ(render(blocks.at(0)), "← three");
}

TEST(StreamJson, UnknownKindsAndLinesThatAreNotJsonPassThrough) {
  const std::string unknown = R"({"type":"rate_limit_event","resets_at":123})";
  const auto events = parse_stream_json(unknown);
  EXPECT_EQ(std::get<Other>(events.at(0)).kind, "rate_limit_event");
  EXPECT_EQ(std::get<Other>(events.at(0)).raw, unknown);
  EXPECT_EQ(std::get<Other>(parse_stream_json("npm WARN old lockfile").at(0)).raw,
            "npm WARN old lockfile");
  EXPECT_EQ(std::get<Other>(parse_stream_json("[1,2]").at(0)).raw, "[1,2]");
  EXPECT_EQ(std::get<Other>(parse_stream_json(R"({"type":7})").at(0)).kind, "?");
}

TEST(StreamJson, MembersOfUnexpectedTypesDoNoHarm) {
  for (
      const auto* line :
      {R"({"type":"assistant","message":"text"})",
       R"({"type":"assistant","message":{"content":[7,null]}})",
       R"({"type":"result","is_error":"yes","errors":{},"permission_denials":[1],"modelUsage":[]})",
       R"({"type":"user","message":{"content":[{"type":"tool_result","content":{"a":1}}]}})",
       R"({"type":"result","modelUsage":{"m":3},"usage":null,"total_cost_usd":"x"})"}) {
    EXPECT_NO_THROW(parse_stream_json(line)) << line;
  }
}

TEST(StreamJson, CharactersCutByReadsAreMadeWhole) {
  const std::string stream =
      R"({"type":"assistant","message":{"content":[{"type":"text","text":"Größe 日本 🎉"}]}})";
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    const auto played = play(stream, piece);  // and the last line needs no end
    ASSERT_EQ(played.events.size(), 1U);
    EXPECT_EQ(std::get<Text>(played.events[0]).text, "Größe 日本 🎉");
  }
}

TEST(StreamJson, ALineOf50MegabytesIsRead) {
  std::string stream = R"({"type":"assistant","message":{"content":[{"type":"text","text":")";
  stream.append(50U * 1000 * 1000, 'x');
  stream += "\"}]}}\n" + result_line(R"("subtype":"success","is_error":false,"result":"done")");
  const auto played = play(stream, 65536);
  ASSERT_EQ(played.events.size(), 2U);
  EXPECT_EQ(std::get<Text>(played.events[0]).text.size(), 50U * 1000 * 1000);
  EXPECT_EQ(played.tally.last_word()->text, "done");
}

TEST(LineFramer, ALineBeyondTheLimitIsReportedWithItsPlace) {
  std::vector<std::string> lines;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> oversized;
  LineFramer framer([&](std::string_view line) { lines.emplace_back(line); },
                    [&](std::uint64_t at, std::uint64_t size) { oversized.emplace_back(at, size); },
                    8);
  for (const char letter : std::string("short\r\n\nmuch too long\nend")) {
    framer.feed(std::string_view(&letter, 1));
  }
  framer.finish();
  EXPECT_EQ(lines, (std::vector<std::string>{"short", "end"}));
  EXPECT_EQ(oversized, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{8, 13}}));
}

TEST(Judge, TheFinalEventOfSuccessIsSuccess) {
  const auto verdict =
      judge_stream(init + result_line(R"("subtype":"success","is_error":false,"result":"done")"));
  EXPECT_TRUE(verdict.success) << verdict.error;
  EXPECT_EQ(verdict.text, "done");
}

TEST(Judge, SubtypeSuccessWithIsErrorIsAFailure) {
  const auto verdict = judge_stream(
      result_line(
          R"("subtype":"success","is_error":true,"api_error_status":500,"result":"API Error: 500")"),
      "exit code 1");
  EXPECT_FALSE(verdict.success);
  EXPECT_NE(verdict.error.find("API Error: 500"), std::string::npos);
}

TEST(Judge, ExitZeroAfterAnInterruptIsAFailure) {
  EXPECT_FALSE(
      judge_stream(
          result_line(
              R"("subtype":"error_during_execution","is_error":false,"errors":["interrupted"])"))
          .success);
  EXPECT_FALSE(
      judge_stream(result_line(R"("subtype":"error_max_turns","is_error":false)")).success);
}

TEST(Judge, ARefusedToolIsNamedAlthoughTheResultSaysSuccess) {
  const auto verdict = judge_stream(result_line(
      R"("subtype":"success","is_error":false,"result":"I could not","permission_denials":[{"tool_name":"Write","tool_use_id":"t","tool_input":{"file_path":"/p/a"}}])"));
  EXPECT_FALSE(verdict.success);
  EXPECT_NE(verdict.error.find("Write(/p/a)"), std::string::npos) << verdict.error;
}

TEST(Judge, WithoutAFinalEventTheEndingIsTold) {
  const auto verdict = judge_stream(init, "exit code 0", "warning: node is old\n");
  EXPECT_FALSE(verdict.success);
  EXPECT_NE(verdict.error.find("without a final answer (exit code 0)"), std::string::npos);
  EXPECT_NE(verdict.error.find("node is old"), std::string::npos);
}

TEST(Judge, A401IsSeenAtTheFirstRetry) {
  const auto played = play(
      init +
          R"({"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":500,"error_status":401,"error":"authentication_error"})"
          "\n",
      11);
  EXPECT_TRUE(played.tally.rejected());
  const auto verdict = judge("claude", played.tally, "killed", "");
  EXPECT_NE(verdict.error.find("401"), std::string::npos);
  EXPECT_NE(verdict.error.find("ANTHROPIC_API_KEY"), std::string::npos);
  EXPECT_FALSE(
      play(R"({"type":"system","subtype":"api_retry","error_status":529})", 9).tally.rejected());
}

TEST(Judge, TheTextOfASubAgentIsNotTheReply) {
  const auto played = play(
      R"({"type":"assistant","message":{"content":[{"type":"text","text":"mine"}]}})"
      "\n"
      R"({"type":"assistant","parent_tool_use_id":"t1","message":{"content":[{"type":"text","text":"of the sub-agent"}]}})"
      "\n",
      64);
  EXPECT_EQ(played.tally.last_text(), "mine");
}

TEST(Usage, IsTheSumOverModelsAndNotTheLastTurn) {
  const auto played = play(
      result_line(
          R"("subtype":"success","is_error":false,"total_cost_usd":0.25,"usage":{"input_tokens":1,"output_tokens":1},"modelUsage":{"a":{"inputTokens":10,"outputTokens":5,"cacheReadInputTokens":3,"cacheCreationInputTokens":2,"costUSD":0.2},"b":{"inputTokens":1,"outputTokens":1}})"),
      50);
  const auto& usage = played.tally.last_word()->usage;
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input_tokens, 11);
  EXPECT_EQ(usage->output_tokens, 6);
  EXPECT_EQ(usage->cache_read_tokens, 3);
  EXPECT_EQ(usage->cache_creation_tokens, 2);
  EXPECT_EQ(played.tally.last_word()->cost_usd, 0.25);
}

}  // namespace
}  // namespace agentcmd::agents
