#include "gateway/model_call.h"

#include <gtest/gtest.h>

namespace agentcmd::gateway {
namespace {

using namespace std::chrono_literals;

// Reads the stream in pieces of `size` bytes.
ModelAnswer read_in_pieces(Vendor vendor, std::string_view stream, std::size_t size,
                           std::string* said = nullptr) {
  ModelAnswer answer(vendor);
  for (std::size_t at = 0; at < stream.size(); at += size) {
    answer.feed(stream.substr(at, size), [said](std::string_view text) {
      if (said != nullptr) *said += text;
    });
  }
  return answer;
}

constexpr std::string_view messages_stream =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":"
    "\"claude\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1,\"cache_read_input_tokens\":5,"
    "\"cache_creation_input_tokens\":4,\"cache_creation\":{\"ephemeral_1h_input_tokens\":3}}}}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
    "\"text\":\"caf\xc3\xa9 \"}}\r\n\r\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
    "\"text\":\"noir\"}}\n\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":"
    "{\"output_tokens\":7}}\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

TEST(ModelAnswer, IsTheSameWhereverTheStreamIsCut) {
  for (std::size_t size = 1; size < 40; ++size) {
    std::string said;
    const auto answer = read_in_pieces(Vendor::anthropic, messages_stream, size, &said);
    ASSERT_TRUE(answer.is_complete()) << size;
    EXPECT_EQ(answer.text(), "caf\xc3\xa9 noir");
    EXPECT_EQ(said, answer.text());
    EXPECT_EQ(answer.finish_reason(), "length");
    EXPECT_EQ(answer.meter().model, "claude");
    EXPECT_EQ(
        answer.meter().usage,
        (Usage{
            .input = 10, .output = 7, .cache_read = 5, .cache_write = 4, .cache_write_long = 3}));
  }
}

TEST(ModelAnswer, ChatCompletionsCountWhatWasCachedApart) {
  const auto answer = read_in_pieces(
      Vendor::openai,
      "data: {\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"delta\":{\"content\":\"hi\"},"
      "\"finish_reason\":null}]}\n\n"
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":6,"
      "\"prompt_tokens_details\":{\"cached_tokens\":4},"
      "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n",
      1000);
  EXPECT_TRUE(answer.is_complete());
  EXPECT_EQ(answer.text(), "hi");
  EXPECT_EQ(answer.meter().usage,
            (Usage{.input = 6, .output = 6, .cache_read = 4, .reasoning = 2}));
  EXPECT_EQ(answer.meter().usage.total(), 16);
}

TEST(ModelAnswer, AStreamThatEndsEarlyIsNotComplete) {
  const auto cut = messages_stream.find("message_stop");
  EXPECT_FALSE(
      read_in_pieces(Vendor::anthropic, messages_stream.substr(0, cut), 1000).is_complete());
}

TEST(ModelAnswer, AnErrorWithinTheStreamIsTheVendorsMessage) {
  const auto answer = read_in_pieces(
      Vendor::anthropic,
      "data: "
      "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
      1000);
  EXPECT_EQ(answer.error(), "busy");
  EXPECT_FALSE(read_in_pieces(Vendor::anthropic, "data: {not json\n\n", 1000).error().empty());
}

TEST(ModelRequest, AsksAnthropicAndOpenaiForAnObjectByATool) {
  ModelCall call{.vendor = Vendor::anthropic, .model = "m", .system = "s", .prompt = "p"};
  call.temperature = 0.5;
  call.schema = {{"type", "object"}};
  const VendorAccess access{.base_url = "http://host/v1/", .key = Secret("the-key")};
  const auto anthropic = model_request(call, access);
  EXPECT_EQ(anthropic.url, "http://host/v1/messages");
  const auto body = parse_json(anthropic.body, "body").value();
  EXPECT_EQ(body["tool_choice"]["name"], body["tools"][0]["name"]);
  EXPECT_EQ(body["tools"][0]["input_schema"]["type"], "object");
  EXPECT_EQ(body["system"], "s");

  call.vendor = Vendor::openai;
  const auto openai = model_request(call, access);
  EXPECT_EQ(openai.url, "http://host/v1/chat/completions");
  const auto chat = parse_json(openai.body, "body").value();
  EXPECT_EQ(chat["messages"][0]["role"], "system");
  EXPECT_EQ(chat["tool_choice"]["function"]["name"], chat["tools"][0]["function"]["name"]);
  EXPECT_EQ(chat["temperature"], 0.5);
}

TEST(ModelRequest, ReasoningModelsOfOpenaiAreNotGivenATemperature) {
  ModelCall call{.vendor = Vendor::openai, .model = "gpt-5-mini", .system = "", .prompt = "p"};
  call.temperature = 0.7;
  call.max_tokens = 10;
  const auto body = parse_json(model_request(call, {}).body, "body").value();
  EXPECT_FALSE(body.contains("temperature"));
  EXPECT_EQ(body["max_completion_tokens"], 10);
}

TEST(RetryAfter, IsReadInSecondsMillisecondsAndAsTheSecondOfAReset) {
  const std::chrono::sys_seconds now(1000s);
  EXPECT_EQ(retry_after({{"retry-after", "2"}}, now), 2s);
  EXPECT_EQ(retry_after({{"retry-after", "2"}, {"retry-after-ms", "250"}}, now), 250ms);
  EXPECT_EQ(retry_after({{"anthropic-ratelimit-unified-reset", "1060"}}, now), 60s);
  EXPECT_EQ(retry_after({{"retry-after", "soon"}}, now), std::nullopt);
}

TEST(RefusalMessage, IsTheVendorsOrTheBeginningOfTheBody) {
  EXPECT_EQ(refusal_message(R"({"error":{"message":"no credit"}})"), "no credit");
  EXPECT_EQ(refusal_message(R"({"error":"bad"})"), "bad");
  EXPECT_EQ(refusal_message("<html>proxy</html>"), "<html>proxy</html>");
}

}  // namespace
}  // namespace agentcmd::gateway
