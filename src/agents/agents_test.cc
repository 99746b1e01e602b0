#include "agents/agent.h"
#include "agents/claude/stream_json.h"
#include "agents/json_reply.h"
#include "agents/outcome.h"
#include "agents/scripted/adapter.h"
#include "base/text.h"
#include "process/command.h"
#include "process/test_support.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace agentcmd::agents {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using process::contents;
using process::TempDir;
using process::write_file;

std::string reply_json(std::string_view reply) {
  const auto json = json_from_reply(reply);
  return json ? json->text : "error: " + json.error().message;
}

TEST(JsonReply, IsFoundWhereverItStands) {
  EXPECT_EQ(reply_json(" {\"a\": 1}\n"), "{\"a\": 1}");
  EXPECT_EQ(reply_json("Here:\n```json\n{\"a\":1}\n```\nDone."), "{\"a\":1}");
  EXPECT_EQ(reply_json("```\nnot json\n```\n```json\n[1]\n```"), "[1]");
  EXPECT_EQ(reply_json("First {\"a\":1}, then {\"b\":{\"c\":\"}\"}} and {that}."),
            "{\"b\":{\"c\":\"}\"}}");
  EXPECT_EQ(reply_json("The files are [\"a\",\"b\"]."), "[\"a\",\"b\"]");
  EXPECT_EQ(reply_json("12345678901234567890123456789"), "12345678901234567890123456789");
}

TEST(JsonReply, WordsAreAnErrorThatShowsThem) {
  EXPECT_NE(reply_json("I could not {find} it").find("I could not {find} it"), std::string::npos);
  EXPECT_TRUE(reply_json("").starts_with("error: "));
  EXPECT_TRUE(reply_json(std::string(100'000, '{')).starts_with("error: "));
}

TEST(Agents, AnUnknownAgentIsAnErrorThatNamesTheOthers) {
  const auto adapter = find_adapter("codex");
  ASSERT_FALSE(adapter);
  EXPECT_NE(adapter.error().message.find("\"claude\", \"scripted\""), std::string::npos);
}

TEST(Agents, SessionIdsAreUuidsAndDiffer) {
  const auto id = make_session_id();
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(id, make_session_id());
}

AgentRequest claude_request(const TempDir& dir) {
  const auto program = dir / "claude";
  write_file(program, "#!/bin/sh\n");
  fs::permissions(program, fs::perms::owner_all);
  AgentRequest request;
  request.prompt = "--help me";
  request.session_id = "11111111-1111-4111-8111-111111111111";
  request.env = {{"PATH", dir.path().string()}, {"CLAUDECODE", "1"}, {"HOME", dir.path().string()}};
  return request;
}

TEST(Claude, ThePromptTravelsByStdinAndTheSessionIsNamed) {
  const TempDir dir;
  auto request = claude_request(dir);
  const auto command = (*find_adapter("claude"))->command(request);
  ASSERT_TRUE(command) << command.error().message;
  const auto dialogue = (*find_adapter("claude"))->converse(request);
  dialogue->sent(*dialogue->next());  // the handshake
  EXPECT_TRUE(dialogue->next()->contains("--help me"));
  const auto line = join(command->argv, " ");
  EXPECT_EQ(line.find("help"), line.npos);
  EXPECT_NE(line.find("--session-id=" + request.session_id), line.npos);
  EXPECT_NE(line.find("--permission-mode=acceptEdits"), line.npos);
  EXPECT_EQ(command->env.count("CLAUDECODE"), 0U);
  EXPECT_EQ(command->env.at("DISABLE_AUTOUPDATER"), "1");

  request.resume = true;
  const auto again = (*find_adapter("claude"))->command(request);
  EXPECT_NE(join(again->argv, " ").find("--resume=" + request.session_id), line.npos);
}

TEST(Claude, NotInstalledSaysHowToInstallIt) {
  AgentRequest request;
  request.env = {{"PATH", "/nowhere"}};
  const auto command = (*find_adapter("claude"))->command(request);
  ASSERT_FALSE(command);
  EXPECT_NE(command.error().message.find("npm install -g @anthropic-ai/claude-code"),
            std::string::npos);
  request.env["CLAUDE_CLI_PATH"] = "/nowhere/claude";
  EXPECT_NE((*find_adapter("claude"))->command(request).error().message.find("CLAUDE_CLI_PATH"),
            std::string::npos);
}

TEST(Claude, RefusesUnknownModesAndTheOneThatRootMayNotUse) {
  const TempDir dir;
  auto request = claude_request(dir);
  request.permission_mode = "yolo";
  const auto unknown = (*find_adapter("claude"))->command(request);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("acceptEdits"), std::string::npos);

  if (::geteuid() != 0) return;
  request.permission_mode = "bypassPermissions";
  const auto as_root = (*find_adapter("claude"))->command(request);
  ASSERT_FALSE(as_root);
  EXPECT_NE(as_root.error().message.find("IS_SANDBOX=1"), std::string::npos);
  request.env["IS_SANDBOX"] = "1";
  EXPECT_TRUE((*find_adapter("claude"))->command(request));
}

TEST(Claude, ASessionExistsOnceItsTranscriptDoes) {
  const TempDir dir;
  auto request = claude_request(dir);
  const auto* adapter = *find_adapter("claude");
  EXPECT_FALSE(adapter->session_exists(request));
  fs::create_directories(dir / ".claude/projects/-p");
  write_file(dir / ".claude/projects/-p" / (request.session_id + ".jsonl"), "{}\n");
  EXPECT_TRUE(adapter->session_exists(request));
}

constexpr auto two_rules = R"([
  {"match": {"step": "plan", "prompt": "^Where.*auth"}, "do": [{"reply": "by both"}]},
  {"match": {"step": "plan"}, "do": [{"reply": "by step"}]},
  {"match": {"prompt": "(?i)fix"}, "do": [{"reply": "by prompt"}]}
])";

std::string chosen(const std::string& step, const std::string& prompt) {
  const auto actions = choose_actions(two_rules, "s.json", step, prompt);
  return actions ? to_text(*actions) : actions.error().message;
}

TEST(Scripted, TheFirstRuleThatMatchesIsChosen) {
  EXPECT_EQ(chosen("plan", "Where is auth?"), R"([{"reply":"by both"}])");
  EXPECT_EQ(chosen("plan", "other"), R"([{"reply":"by step"}])");
  EXPECT_EQ(chosen("x", "Please FIX it"), R"([{"reply":"by prompt"}])");
  EXPECT_EQ(chosen("x", "nothing"), "[]");
}

std::string script_error(std::string_view script) {
  const auto actions = choose_actions(script, "s.json", "step", "prompt");
  return actions ? "" : actions.error().message;
}

TEST(Scripted, AMalformedScriptIsAnErrorThatSaysWhere) {
  EXPECT_NE(script_error("[\n  {\"do\": [}\n]").find("line 2"), std::string::npos)
      << script_error("[\n  {\"do\": [}\n]");
  EXPECT_EQ(script_error("{}"), "s.json: is not a list of rules");
  EXPECT_NE(script_error(R"([{"do":[]},{"match":{}}])").find("rule 2"), std::string::npos);
  EXPECT_NE(
      script_error(R"([{"do":[{"say":"x"},{"wrte":{}}]}])").find("rule 1: action 2: \"wrte\""),
      std::string::npos);
  EXPECT_NE(script_error(R"([{"match":{"prompt":"("},"do":[]}])").find("regular expression"),
            std::string::npos);
  EXPECT_NE(script_error(R"([{"do":[{"write":{"path":"a"}}]}])").find("content"),
            std::string::npos);
}

// Runs the program as a step would, without its supervisor.
struct Performance {
  Tally tally;
  int code = -1;
};
Performance perform(const TempDir& dir, const std::string& script, bool json = false) {
  write_file(dir / "script.json", script);
  AgentRequest request;
  request.prompt = "do it";
  request.session_id = "s";
  request.json = json;
  request.project = dir.path();
  request.libexec = AGENTCMD_TEST_LIBEXEC;
  request.script = "script.json";
  const auto command = scripted_command(request);
  EXPECT_TRUE(command) << command.error().message;
  process::CommandSpec spec;
  spec.argv = command->argv;
  spec.cwd = dir.path();
  spec.input = command->input;
  asio::io_context io;
  const auto result = process::run(io, process::run_command(io.get_executor(), spec));
  EXPECT_TRUE(result) << result.error().message;
  Performance performance;
  performance.code = result->code;
  for (const auto& line : split(result->out, '\n')) {
    if (line.empty()) continue;
    for (const auto& event : parse_stream_json(line)) performance.tally.add(event);
  }
  return performance;
}

TEST(Scripted, PlaysEditsWordsAndUsage) {
  const TempDir dir;
  const auto played = perform(dir, R"([{"do": [
      {"say": "looking"}, {"delayMs": 1},
      {"write": {"path": "src/new file.txt", "content": "hällo\n"}},
      {"usage": {"inputTokens": 7, "outputTokens": 3, "costUsd": 0.5}},
      {"reply": {"files": ["a"]}}]}])");
  EXPECT_EQ(played.code, 0);
  EXPECT_EQ(contents(dir / "src/new file.txt"), "hällo\n");
  const auto verdict = judge("scripted", played.tally, "exit code 0", "");
  EXPECT_TRUE(verdict.success) << verdict.error;
  EXPECT_EQ(verdict.text, R"({"files":["a"]})");
  EXPECT_EQ(played.tally.last_word()->usage->input_tokens, 7);
  EXPECT_EQ(played.tally.last_word()->cost_usd, 0.5);
}

TEST(Scripted, WithoutAMatchItRepliesOkOrAnEmptyObject) {
  const TempDir dir;
  EXPECT_EQ(perform(dir, "[]").tally.last_word()->text, "OK");
  EXPECT_EQ(perform(dir, "[]", true).tally.last_word()->text, "{}");
}

TEST(Scripted, ANonZeroExitIsAFailure) {
  const TempDir dir;
  const auto played = perform(dir, R"([{"do": [{"exit": 3}, {"say": "never"}]}])");
  EXPECT_EQ(played.code, 3);
  EXPECT_FALSE(judge("scripted", played.tally, "exit code 3", "").success);
}

TEST(Scripted, WritesNothingOutsideItsFolder) {
  const TempDir dir;
  fs::create_directory(dir / "inner");
  const auto played =
      perform(dir, R"([{"do": [{"write": {"path": "../agentcmd-outside.txt", "content": "x"}}]}])");
  EXPECT_NE(played.code, 0);
  EXPECT_FALSE(judge("scripted", played.tally, "exit code 1", "").success);
  EXPECT_FALSE(fs::exists(dir.path().parent_path() / "agentcmd-outside.txt"));
}

TEST(Scripted, AFileKeepsItsMode) {
  const TempDir dir;
  write_file(dir / "run.sh", "old");
  fs::permissions(dir / "run.sh", fs::perms::owner_all);
  perform(dir, R"([{"do": [{"write": {"path": "run.sh", "content": "new"}}]}])");
  EXPECT_EQ(contents(dir / "run.sh"), "new");
  EXPECT_EQ(fs::status(dir / "run.sh").permissions(), fs::perms::owner_all);
}

}  // namespace
}  // namespace agentcmd::agents
