#include "gateway/stub_server.h"

#include "base/clock.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <optional>
#include <utility>

namespace agentcmd::gateway {

using http::Answer;
using http::Headers;
using http::Incoming;

namespace {

constexpr auto hold_look_again = std::chrono::milliseconds(20);

Headers json_headers() {
  return {{"content-type", "application/json"}};
}

std::optional<Api> api_of(std::string_view path) {
  if (path.ends_with("/messages")) return Api::messages;
  if (path.ends_with("/responses")) return Api::responses;
  if (path.ends_with("/chat/completions")) return Api::chat;
  return std::nullopt;
}

std::string key_of(const Headers& headers) {
  const auto key = http::header_of(headers, "x-api-key");
  if (!key.empty()) return key;
  const auto authorization = http::header_of(headers, "authorization");
  constexpr std::string_view bearer = "Bearer ";
  return authorization.starts_with(bearer) ? authorization.substr(bearer.size()) : authorization;
}

StubUsage usage_of(const Json& actions) {
  StubUsage usage;
  for (const auto& action : actions) {
    if (!action.contains("usage")) continue;
    const auto& given = action["usage"];
    usage.input = int_or(given, "inputTokens", usage.input);
    usage.output = int_or(given, "outputTokens", usage.output);
    usage.cache_read = int_or(given, "cacheReadTokens", usage.cache_read);
    usage.cache_write = int_or(given, "cacheCreationTokens", usage.cache_write);
    usage.reasoning = int_or(given, "reasoningTokens", usage.reasoning);
  }
  return usage;
}

// As the vendors tell when a limit is over.
Headers refusal_headers(const Json& action) {
  auto headers = json_headers();
  if (action.contains("retryAfter")) {
    headers.emplace_back("retry-after", fmt::to_string(int_or(action, "retryAfter")));
  }
  if (action.contains("resetIn")) {
    const auto wait = int_or(action, "resetIn");
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    headers.emplace_back("anthropic-ratelimit-unified-status", "rejected");
    headers.emplace_back("anthropic-ratelimit-unified-reset", fmt::to_string(now.count() + wait));
    headers.emplace_back("x-ratelimit-reset-requests", fmt::format("{}s", wait));
  }
  return headers;
}

Task<> wait_for_file(std::string path) {
  std::error_code ignored;
  while (!std::filesystem::exists(path, ignored)) {
    co_await sleep_until(deadline_in(hold_look_again));
  }
}

// Up to the first byte of a character of two.
std::string half_a_character(StubAnswer& answer) {
  const auto bytes = answer.text("caf\xc3\xa9");
  return bytes.substr(0, bytes.find('\xc3') + 1);
}

// Plays the actions of one answer.
class Play {
 public:
  Play(Answer& answer, const Asked& asked, const Json& actions, std::uint64_t number)
      : answer_(answer),
        asked_(asked),
        actions_(actions),
        made_(make_stub_answer(asked, usage_of(actions), number)) {}

  Task<> run() {
    for (const auto& action : actions_) {
      if (action.contains("status")) {
        co_await refuse(action);
        co_return;
      }
      if (!begun_ && asked_.stream && !action.contains("usage")) co_await begin();
      if (co_await is_over_after(action)) co_return;
    }
    if (!begun_ && asked_.stream) co_await begin();
    const auto end = made_->end();
    if (asked_.stream) {
      co_await answer_.write(end);
      co_await answer_.finish();
    } else {
      co_await answer_.send(200, json_headers(), to_text(made_->document()));
    }
  }

 private:
  Task<> refuse(const Json& action) {
    const auto status = static_cast<int>(int_or(action, "status"));
    const auto message = string_or(action, "message", fmt::format("stub {}", status));
    co_await answer_.send(status, refusal_headers(action),
                          to_text(stub_error(asked_.api, status, message)));
  }

  Task<> begin() {
    begun_ = true;
    co_await answer_.begin(200, {{"content-type", "text/event-stream"}});
    co_await answer_.write(made_->begin());
  }

  Task<> send(std::string bytes) {
    if (asked_.stream) co_await answer_.write(std::move(bytes));
  }

  Task<> use(ToolUse tool) { co_await send(made_->tool(tool.name, tool.input)); }

  Task<bool> is_over_after(const Json& action) {
    const auto& name = action.begin().key();
    const auto& value = action.begin().value();
    if (name == "say") co_await send(made_->text(value.get<std::string>()));
    if (name == "reply") co_await reply(value);
    if (name == "tool") co_await use({value["name"].get<std::string>(), value["input"]});
    if (name == "write") {
      co_await use(writing_tool(asked_, string_or(value, "path"), string_or(value, "content")));
    }
    if (name == "run") co_await use(running_tool(asked_, value.get<std::string>()));
    if (name == "repeat") co_await repeat(value);
    if (name == "delayMs") {
      co_await sleep_until(deadline_in(std::chrono::milliseconds(value.get<std::int64_t>())));
    }
    if (name == "hold") co_await wait_for_file(value.get<std::string>());
    if (name == "raw") co_return co_await raw(value.get<std::string>());
    if (name == "hang") co_await sleep_until(Deadline::max());
    if (name != "cut") co_return false;
    if (value == "utf8") co_await send(half_a_character(*made_));
    answer_.abandon();
    co_return true;
  }

  Task<> reply(const Json& value) {
    if (!asked_.forced_tool.empty()) {
      co_await use({asked_.forced_tool, value});
    } else {
      co_await send(made_->text(value.is_string() ? value.get<std::string>() : to_text(value)));
    }
  }

  Task<> repeat(const Json& value) {
    const auto pause = std::chrono::milliseconds(int_or(value, "everyMs"));
    for (auto left = int_or(value, "count"); left > 0; --left) {
      co_await send(made_->text(string_or(value, "text")));
      if (pause.count() > 0) co_await sleep_until(deadline_in(pause));
    }
  }

  // An answer that is not what it should be ends there.
  Task<bool> raw(std::string text) {
    if (asked_.stream) {
      co_await answer_.write(std::move(text));
      co_await answer_.finish();
    } else {
      co_await answer_.send(200, json_headers(), std::move(text));
    }
    co_return true;
  }

  Answer& answer_;
  const Asked& asked_;
  const Json& actions_;
  std::unique_ptr<StubAnswer> made_;
  bool begun_ = false;
};

}  // namespace

struct StubServer::Impl {
  Impl(boost::asio::any_io_executor executor, std::uint16_t port, StubRules given,
       std::filesystem::path log_file)
      : rules(std::move(given)),
        log(std::move(log_file)),
        server(std::move(executor), {.port = port}, [this](Incoming request, Answer& answer) {
          return handle(std::move(request), answer);
        }) {}

  Task<> handle(Incoming request, Answer& answer) {
    if (request.path.ends_with("/count_tokens")) {
      co_await answer.send(200, json_headers(), R"({"input_tokens":10})");
      co_return;
    }
    if (request.path.ends_with("/models")) {
      co_await answer.send(200, json_headers(),
                           R"({"object":"list","data":[{"id":"stub-model","object":"model",)"
                           R"("type":"model","display_name":"Stub"}],"has_more":false})");
      co_return;
    }
    const auto api = api_of(request.path);
    if (!api || request.method != "POST") {
      co_await answer.send(200, json_headers(), "{}");
      co_return;
    }
    const auto body = parse_json(request.body, "the request");
    if (!body) {
      co_await answer.send(400, json_headers(),
                           to_text(stub_error(*api, 400, body.error().message)));
      co_return;
    }
    note(request, *body);
    const auto asked = read_asked(*api, *body);
    const auto actions = rules.choose(asked, key_of(request.headers));
    Play play(answer, asked, actions, ++asked_so_far);
    co_await play.run();
  }

  void note(const Incoming& request, const Json& body) {
    if (log.empty()) return;
    Json headers = Json::object();
    for (const auto& [name, value] : request.headers) {
      if (name != "x-api-key" && name != "authorization") headers[name] = value;
    }
    std::ofstream(log, std::ios::app) << to_text({{"method", request.method},
                                                  {"path", request.path},
                                                  {"headers", std::move(headers)},
                                                  {"body", body}}) +
                                             "\n";
  }

  StubRules rules;
  const std::filesystem::path log;
  std::uint64_t asked_so_far = 0;
  http::Server server;
};

StubServer::StubServer(boost::asio::any_io_executor executor, std::uint16_t port, StubRules rules,
                       std::filesystem::path log)
    : impl_(std::make_unique<Impl>(std::move(executor), port, std::move(rules), std::move(log))) {}

StubServer::~StubServer() = default;

std::uint16_t StubServer::port() const {
  return impl_->server.port();
}

Task<> StubServer::run() {
  return impl_->server.run();
}

Task<> StubServer::stop() {
  co_await impl_->server.drain(Deadline::min());
}

}  // namespace agentcmd::gateway
