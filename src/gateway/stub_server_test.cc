#include "gateway/stub_server.h"

#include "async/task_group.h"
#include "http/transfer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

namespace agentcmd::gateway {
namespace {

namespace asio = boost::asio;

struct Got {
  int status = 0;
  http::Headers headers;
  std::string body;
  bool broken = false;

  Json json() const { return parse_json(body, "body").value(); }
};

class StubModels : public testing::Test {
 protected:
  void serve(const std::string& rules) {
    auto parsed = StubRules::parse(rules, "rules.json");
    ASSERT_TRUE(parsed) << parsed.error().message;
    server = std::make_unique<StubServer>(loop.get_executor(), 0, std::move(*parsed), "");
  }

  // Asks one after the other, each after the end of the one before.
  std::vector<Got> ask(std::vector<http::Request> requests) {
    tasks.spawn("serve", server->run());
    auto future = asio::co_spawn(loop, ask_all(std::move(requests)), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }

  Task<std::vector<Got>> ask_all(std::vector<http::Request> requests) {
    std::vector<Got> answers;
    for (auto& request : requests) answers.push_back(co_await ask_one(std::move(request)));
    co_await server->stop();
    tasks.cancel();
    co_await tasks.join();
    co_return answers;
  }

  Task<Got> ask_one(http::Request request) {
    Got got;
    auto transfer = transfers.start(std::move(request));
    const auto head = co_await transfer->head();
    if (!head) co_return Got{.broken = true};
    got.status = head->status;
    got.headers = head->headers;
    while (true) {
      auto part = co_await transfer->read();
      if (!part) got.broken = true;
      if (!part || part->empty()) co_return got;
      got.body += *part;
    }
  }

  http::Request post(const std::string& path, const Json& body, const std::string& key = "") const {
    http::Request request{.method = "POST",
                          .url = "http://127.0.0.1:" + std::to_string(server->port()) + path};
    request.body = to_text(body);
    if (!key.empty()) request.headers.emplace_back("x-api-key", key);
    return request;
  }
  http::Request message(const std::string& prompt, bool stream = false) const {
    return post("/v1/messages",
                {{"model", "m"},
                 {"stream", stream},
                 {"messages", Json::array({{{"role", "user"}, {"content", prompt}}})}});
  }

  asio::io_context loop;
  TaskGroup tasks{loop.get_executor()};
  http::Transfers transfers{loop.get_executor()};
  std::unique_ptr<StubServer> server;
};

TEST_F(StubModels, TheFirstRuleThatMatchesIsPlayedWithWhatItsGroupsFound) {
  serve(R"j([{"match": {"prompt": "say (\\w+) and (\\w+)"}, "do": [{"say": "$2, $1"}]
},
            {"do": [{"say": "other"}]}])j");
  const auto got = ask({message("please say one and two"), message("x")});
  EXPECT_EQ(got.at(0).json()["content"][0]["text"], "two, one");
  EXPECT_EQ(got.at(1).json()["content"][0]["text"], "other");
}

TEST_F(StubModels, AStreamOfMessagesHasTheEventsInOrderAndTheUsage) {
  serve(R"([{"do": [{"usage": {"inputTokens": 7, "outputTokens": 3, "cacheReadTokens": 2}},
                    {"say": "hi"}, {"write": {"path": "/a", "content": "b"}}]}])");
  const auto body = ask({message("x", true)}).at(0).body;
  std::size_t at = 0;
  for (const auto* part : {"message_start", R"("input_tokens":7)", R"("cache_read_input_tokens":2)",
                           R"("text":"hi")", R"("name":"Write")", "input_json_delta",
                           R"("stop_reason":"tool_use")", R"("output_tokens":3)", "message_stop"}) {
    const auto found = body.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " after " << at << " in " << body;
    at = found;
  }
}

TEST_F(StubModels, AnswersResponsesAndChatCompletionsStreamedAndWhole) {
  serve(R"([{"do": [{"say": "hi"}]}])");
  const Json chat{{"messages", Json::array({{{"role", "user"}, {"content", "x"}}})}};
  auto streamed = chat;
  streamed["stream"] = true;
  const auto got = ask({post("/v1/chat/completions", chat), post("/v1/chat/completions", streamed),
                        post("/v1/responses", {{"input", "x"}}),
                        post("/v1/responses", {{"input", "x"}, {"stream", true}})});
  EXPECT_EQ(got.at(0).json()["choices"][0]["message"]["content"], "hi");
  EXPECT_TRUE(got.at(1).body.contains(R"("delta":{"content":"hi"})")) << got.at(1).body;
  EXPECT_TRUE(got.at(1).body.ends_with("data: [DONE]\n\n")) << got.at(1).body;
  EXPECT_EQ(got.at(2).json()["output"][0]["content"][0]["text"], "hi");
  EXPECT_EQ(got.at(2).json()["usage"]["total_tokens"], 120);
  for (const auto* part : {"response.created", "response.output_text.delta", "response.completed"})
    EXPECT_TRUE(got.at(3).body.contains(part)) << got.at(3).body;
}

TEST_F(StubModels, ResultsOfToolsAreCountedSinceTheLastPrompt) {
  serve(R"([{"match": {"toolResults": 1}, "do": [{"say": "after one"}]},
            {"match": {"afterTool": false}, "do": [{"run": "ls"}]}])");
  const Json tool_result{
      {"role", "user"},
      {"content", Json::array({{{"type", "tool_result"}, {"tool_use_id", "t"}}})}};
  const Json first{{"role", "user"}, {"content", "go"}};
  const auto got = ask({post("/v1/messages", {{"messages", Json::array({first})}}),
                        post("/v1/messages", {{"messages", Json::array({first, tool_result})}})});
  EXPECT_EQ(got.at(0).json()["content"][0]["input"]["command"], "ls");
  EXPECT_EQ(got.at(1).json()["content"][0]["text"], "after one");
}

TEST_F(StubModels, RefusesWithStatusAndWhenToComeAgain) {
  serve(R"([{"match": {"key": "right", "times": 1},
             "do": [{"status": 429, "retryAfter": 2, "resetIn": 60}]},
            {"match": {"key": "right"}, "do": [{"say": "in"}]},
            {"do": [{"status": 401, "message": "no such key"}]}])");
  const auto got = ask({post("/v1/messages", Json::object(), "right"),
                        post("/v1/messages", Json::object(), "right"),
                        post("/v1/messages", Json::object(), "wrong")});
  EXPECT_EQ(got.at(0).status, 429);
  EXPECT_EQ(http::header_of(got.at(0).headers, "retry-after"), "2");
  EXPECT_FALSE(http::header_of(got.at(0).headers, "anthropic-ratelimit-unified-reset").empty());
  EXPECT_EQ(got.at(1).status, 200);
  EXPECT_EQ(got.at(2).status, 401);
  EXPECT_EQ(got.at(2).json()["error"]["type"], "authentication_error");
}

TEST_F(StubModels, CutsInTheMidstOfACharacter) {
  serve(R"([{"do": [{"say": "first"}, {"cut": "utf8"}]}])");
  const auto got = ask({message("x", true)}).at(0);
  EXPECT_TRUE(got.broken);
  EXPECT_TRUE(got.body.ends_with("caf\xc3")) << got.body;
}

TEST_F(StubModels, AReplyIsTheInputOfAToolThatTheModelMustCall) {
  serve(R"([{"do": [{"reply": {"answer": 42}}]}])");
  const auto forced =
      ask({post("/v1/messages", {{"tool_choice", {{"type", "tool"}, {"name", "t"}}}}),
           post("/v1/messages", Json::object())});
  EXPECT_EQ(forced.at(0).json()["content"][0]["input"]["answer"], 42);
  EXPECT_EQ(forced.at(1).json()["content"][0]["text"], R"({"answer":42})");
}

TEST_F(StubModels, SideCallsOfTheClisAreAnswered) {
  serve("[]");
  const auto got =
      ask({post("/v1/messages/count_tokens", Json::object()),
           {.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v1/models"},
           message("x")});
  EXPECT_EQ(got.at(0).json()["input_tokens"], 10);
  EXPECT_EQ(got.at(1).json()["data"][0]["id"], "stub-model");
  EXPECT_EQ(got.at(2).json()["content"][0]["text"], "stub reply");
}

struct BadRules {
  const char* rules;
  const char* problem;
};
class StubRulesThatAreWrong : public testing::TestWithParam<BadRules> {};

TEST_P(StubRulesThatAreWrong, AreRefusedWithTheirNumber) {
  const auto rules = StubRules::parse(GetParam().rules, "rules.json");
  ASSERT_FALSE(rules);
  EXPECT_TRUE(rules.error().message.starts_with("rules.json")) << rules.error().message;
  EXPECT_TRUE(rules.error().message.contains(GetParam().problem)) << rules.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    StubModels, StubRulesThatAreWrong,
    testing::Values(BadRules{"{}", "list of rules"}, BadRules{"[", "line 1"},
                    BadRules{R"([{"do": []}, {"do": [{"sya": "x"}]}])", "rule 2: \"sya\""},
                    BadRules{R"j([{"match": {"prompt": "("}, "do": []}])j", "regular expression"},
                    BadRules{R"([{"match": {"times": "x"}, "do": []}])", "whole number"},
                    BadRules{R"([{"do": [{"status": 200}]}])", "400 to 599"},
                    BadRules{R"([{"do": [{"status": 429, "resetIn": "x"}]}])", "seconds"},
                    BadRules{R"([{"do": [{"say": "x", "run": "y"}]}])", "one member"}));

}  // namespace
}  // namespace agentcmd::gateway
