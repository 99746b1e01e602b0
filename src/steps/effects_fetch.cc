// fetch in a closure: one request by libcurl on the pool.

#include "http/client.h"
#include "steps/base64.h"
#include "steps/effect_result.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace agentcmd::steps {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

http::Request request_of(const Json& args) {
  http::Request request;
  request.method = string_or(args, "method", "GET");
  request.url = string_or(args, "url");
  request.body = from_base64(string_or(args, "body")).value_or("");
  if (const auto timeout = int_or(args, "timeoutMs"); timeout > 0) {
    request.timeout = std::chrono::milliseconds(timeout);
  }
  const auto redirect = string_or(args, "redirect", "follow");
  if (redirect == "manual") request.redirects = http::Redirects::keep;
  if (redirect == "error") request.redirects = http::Redirects::refuse;
  if (args.contains("headers") && args["headers"].is_array()) {
    for (const auto& header : args["headers"]) {
      if (header.is_array() && header.size() == 2 && header[0].is_string() &&
          header[1].is_string()) {
        request.headers.emplace_back(header[0].get<std::string>(), header[1].get<std::string>());
      }
    }
  }
  return request;
}

tl::unexpected<EffectError> fetch_failed(const std::string& reason, std::string code) {
  EffectError error;
  error.name = "TypeError";
  error.message = "fetch failed: " + reason;
  error.code = std::move(code);
  return tl::unexpected(std::move(error));
}

}  // namespace

Task<EffectResult> perform_fetch(StepHost& host, Json args, StopSource& stop) {
  auto first = co_await (http::perform(host.pool(), request_of(args)) || stop.wait());
  if (first.index() == 1) co_return fetch_failed("cancelled", "ABORT_ERR");
  auto& response = std::get<0>(first);
  if (!response) co_return fetch_failed(response.error().message, response.error().cause);

  Json headers = Json::array();
  for (const auto& [name, value] : response->headers) {
    headers.push_back(Json::array({name, value}));
  }
  co_return Json{{"status", response->status},    {"statusText", response->status_text},
                 {"url", response->url},          {"redirected", response->redirected},
                 {"headers", std::move(headers)}, {"body", to_base64(response->body)}};
}

}  // namespace agentcmd::steps
