#include "async/task_group.h"
#include "gateway/stub_server.h"
#include "steps/test_support.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <thread>

namespace agentcmd::steps {
namespace {

using gateway::StubRules;
using gateway::StubServer;

// The models, on a loop and a thread of their own.
class Models {
 public:
  Models(StubRules rules, std::filesystem::path log)
      : server_(loop_.get_executor(), 0, std::move(rules), std::move(log)) {
    tasks_.spawn("stub", server_.run());
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Models() {
    boost::asio::post(loop_, [this] { ending_.spawn("stop", end()); });
    thread_.join();
  }
  Models(const Models&) = delete;
  Models& operator=(const Models&) = delete;

  std::uint16_t port() const { return server_.port(); }

 private:
  Task<> end() {
    co_await server_.stop();
    tasks_.cancel();
    co_await tasks_.join();
  }

  boost::asio::io_context loop_;
  StubServer server_;
  TaskGroup tasks_{loop_.get_executor()};
  TaskGroup ending_{loop_.get_executor()};
  std::thread thread_;
};

class AiSteps : public StepTest {
 protected:
  void models(const std::string& rules) {
    auto parsed = StubRules::parse(rules, "rules");
    ASSERT_TRUE(parsed) << parsed.error().message;
    server_ = std::make_unique<Models>(std::move(*parsed), log());
  }

  Step ai(Json config, Json options = Json::object()) {
    auto step = make_step("ai", std::move(config), std::move(options));
    const auto url = "http://127.0.0.1:" + std::to_string(server_ ? server_->port() : 1);
    step.run.models = {.anthropic = {.base_url = url, .key = Secret("sk-the-real-key")},
                       .openai = {.base_url = url + "/v1", .key = Secret("sk-the-real-key")}};
    step.run.secrets = {Secret("sk-the-real-key")};
    return step;
  }
  history::Failure failure_of(Step step) {
    const auto outcome = run(std::move(step));
    const auto* failed = std::get_if<Failed>(&outcome.what);
    EXPECT_NE(failed, nullptr) << result_of(outcome);
    return failed == nullptr ? history::Failure{} : failed->failure;
  }
  std::size_t requests() const {
    const auto text = process::contents(log());
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  std::filesystem::path log() const { return dir_ / "requests.jsonl"; }

 private:
  std::unique_ptr<Models> server_;
};

const Json person{{"type", "object"},
                  {"properties", {{"name", {{"type", "string"}}}, {"age", {{"type", "integer"}}}}},
                  {"required", Json::array({"name", "age"})}};

TEST_F(AiSteps, ATextIsStreamedAndComesWithUsageAndReason) {
  models(R"([{"do": [{"usage": {"inputTokens": 11, "outputTokens": 4, "cacheReadTokens": 3}},
                     {"say": "good "}, {"say": "morning"}]}])");
  for (const auto* provider : {"anthropic", "openai"}) {
    host_.shown.clear();
    const auto result = run_to_result(ai({{"prompt", "greet"}, {"provider", provider}}));
    EXPECT_EQ(result["data"], Json({{"text", "good morning"}})) << result;
    EXPECT_EQ(result["success"], true);
    EXPECT_EQ(result["result"]["finishReason"], "stop");
    EXPECT_EQ(result["result"]["usage"]["inputTokens"], 11) << result;
    EXPECT_EQ(result["result"]["usage"]["outputTokens"], 4);
    EXPECT_EQ(result["result"]["usage"]["cachedInputTokens"], 3);
    EXPECT_EQ(result["result"]["totalUsage"]["totalTokens"], 18);
    EXPECT_EQ(host_.shown["stdout"], "good morning\n");
  }
  EXPECT_EQ(process::contents(ai({}).attempt_dir() / "stdout"), "good morning\ngood morning\n");
}

TEST_F(AiSteps, AnObjectFitsItsSchema) {
  models(R"([{"do": [{"reply": {"name": "Ada", "age": 36}}]}])");
  for (const auto* provider : {"anthropic", "openai"}) {
    const auto result =
        run_to_result(ai({{"prompt", "who"}, {"provider", provider}, {"schema", person}}));
    EXPECT_EQ(result["data"]["name"], "Ada") << result;
    EXPECT_EQ(result["result"]["finishReason"], "stop");
  }
  EXPECT_EQ(requests(), 2U);
}

TEST_F(AiSteps, AValueThatIsNoObjectMayBeAskedForToo) {
  models(R"([{"do": [{"reply": {"value": ["a", "b"]}}]}])");
  const Json list{{"type", "array"}, {"items", {{"type", "string"}}}};
  const auto result = run_to_result(ai({{"prompt", "which"}, {"schema", list}}));
  EXPECT_EQ(result["data"], Json::array({"a", "b"})) << result;
}

TEST_F(AiSteps, AnAnswerThatDoesNotFitIsRepairedOnce) {
  models(
      R"([{"match": {"prompt": "data.age: expected"}, "do": [{"reply": {"name": "A", "age": 1}}]},
             {"do": [{"reply": {"name": "A", "age": "old"}}]}])");
  const auto result = run_to_result(ai({{"prompt", "who"}, {"schema", person}}));
  EXPECT_EQ(result["success"], true) << result;
  EXPECT_EQ(result["data"]["age"], 1);
  EXPECT_EQ(result["result"]["usage"]["inputTokens"], 100);
  EXPECT_EQ(result["result"]["totalUsage"]["inputTokens"], 200) << "both requests count";
  EXPECT_EQ(requests(), 2U);
}

TEST_F(AiSteps, AnAnswerThatNeverFitsIsAResultThatSaysWhy) {
  models(R"([{"do": [{"reply": {"name": "A"}}]}])");
  const auto result = run_to_result(ai({{"prompt", "who"}, {"schema", person}}));
  EXPECT_EQ(result["success"], false) << result;
  EXPECT_EQ(result["data"], Json::object());
  EXPECT_TRUE(result["error"].get<std::string>().contains("age")) << result;
  EXPECT_EQ(requests(), 2U);
}

TEST_F(AiSteps, AServerWithoutToolsMayAnswerInWords) {
  models(
      "[{\"do\": [{\"say\": \"Here: ```json\\n{\\\"name\\\": \\\"Z\\\", \\\"age\\\": 5}\\n``` "
      "Bye\"}]}]");
  const auto result = run_to_result(ai({{"prompt", "who"}, {"schema", person}}));
  EXPECT_EQ(result["data"]["age"], 5) << result;
}

TEST_F(AiSteps, WhatPassesIsThrownWithTheWaitThatTheVendorAsksFor) {
  models(R"([{"match": {"prompt": "limited"}, "do": [{"status": 429, "retryAfter": 7}]},
             {"match": {"prompt": "broken"}, "do": [{"status": 503}]},
             {"match": {"prompt": "cut"}, "do": [{"say": "x"}, {"cut": "utf8"}]},
             {"match": {"prompt": "bad"}, "do": [{"raw": "data: {not json\n\n"}]}])");
  const auto limited = failure_of(ai({{"prompt", "limited"}}));
  EXPECT_EQ(limited.retry_after, 7000U) << limited.message;
  EXPECT_EQ(limited.name, "RateLimitError");
  for (const auto* prompt : {"broken", "cut", "bad"}) {
    const auto failure = failure_of(ai({{"prompt", prompt}}));
    EXPECT_FALSE(failure.final) << failure.message;
    EXPECT_FALSE(failure.message.empty());
  }
}

TEST_F(AiSteps, AUsageLimitParksTheStepUntilItIsOver) {
  models(R"([{"do": [{"status": 429, "resetIn": 7200}]}])");
  const auto failure = failure_of(ai({{"prompt", "x"}}));
  EXPECT_EQ(failure.name, "UsageLimitError");
  EXPECT_GT(failure.retry_after, 7'000'000U);
  EXPECT_LE(failure.retry_after, 7'200'000U);
  const auto result = run_to_result(ai({{"prompt", "x"}, {"onUsageLimit", "fail"}}));
  EXPECT_EQ(result["success"], false) << result;
}

TEST_F(AiSteps, WhatIsRefusedForGoodIsAResultThatNamesTheWayOut) {
  models(
      R"([{"match": {"prompt": "key"}, "do": [{"status": 401, "message": "bad sk-the-real-key"}]},
             {"do": [{"status": 404, "message": "no such model"}]}])");
  const auto refused = run_to_result(ai({{"prompt", "key"}}));
  EXPECT_EQ(refused["success"], false) << refused;
  EXPECT_TRUE(refused["error"].get<std::string>().contains("ANTHROPIC_API_KEY")) << refused;
  EXPECT_FALSE(refused.dump().contains("sk-the-real-key")) << refused;
  const auto unknown = run_to_result(ai({{"prompt", "x"}, {"model", "nope"}}));
  EXPECT_TRUE(unknown["error"].get<std::string>().contains("no such model")) << unknown;
}

TEST_F(AiSteps, WithoutAKeyItSaysWhereOneGoes) {
  auto step = ai({{"prompt", "x"}, {"provider", "openai"}});
  step.run.models = {};
  const auto result = run_to_result(std::move(step));
  EXPECT_TRUE(result["error"].get<std::string>().contains("OPENAI_API_KEY")) << result;
}

TEST_F(AiSteps, BadInputIsAResultThatNamesIt) {
  models("[]");
  for (const auto& [config, word] :
       {std::pair(Json{{"prompt", ""}}, "prompt"),
        std::pair(Json{{"prompt", "x"}, {"provider", "acme"}}, "acme"),
        std::pair(Json{{"prompt", "x"}, {"schema", {{"type", 5}}}}, "schema.type")}) {
    const auto result = run_to_result(ai(config));
    EXPECT_EQ(result["success"], false) << result;
    EXPECT_TRUE(result["error"].get<std::string>().contains(word)) << result;
  }
  EXPECT_EQ(requests(), 0U);
}

TEST_F(AiSteps, AServerThatIsNotThereIsThrown) {
  const auto failure = failure_of(ai({{"prompt", "x"}}));
  EXPECT_FALSE(failure.final);
  EXPECT_TRUE(failure.message.contains("127.0.0.1:1")) << failure.message;
}

TEST_F(AiSteps, CancelAndTimeoutEndAnAnswerThatNeverEnds) {
  models(R"([{"do": [{"say": "begun"}, {"hang": true}]}])");
  const auto late = run(ai({{"prompt", "x"}}, {{"timeout", 300}}));
  EXPECT_TRUE(std::holds_alternative<TimedOut>(late.what)) << result_of(late);
  host_.on_output = [this] { stop_.request(); };
  const auto cancelled = run(ai({{"prompt", "x"}}));
  EXPECT_TRUE(std::holds_alternative<Cancelled>(cancelled.what)) << result_of(cancelled);
}

TEST_F(AiSteps, AnAttemptWhoseReaderIsGoneIsLost) {
  auto step = ai({{"prompt", "x"}});
  step.recovery = Recovery{};
  EXPECT_TRUE(std::holds_alternative<Lost>(run(std::move(step)).what));
}

}  // namespace
}  // namespace agentcmd::steps
