#pragma once
// The HTTP client: whole requests and whole answers, over libcurl, on the pool. Proxies are those
// of the environment (https_proxy, no_proxy), certificates those of the system.

#include "async/blocking.h"
#include "async/task.h"
#include "base/limits.h"
#include "base/result.h"
#include "http/headers.h"

#include <chrono>
#include <cstddef>
#include <string>

namespace agentcmd::http {

enum class Redirects { follow, keep, refuse };

struct Request {
  std::string method = "GET";
  std::string url;  // http or https
  Headers headers;
  std::string body;
  Redirects redirects = Redirects::follow;
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  std::size_t body_bytes_max = 64 * limits::mib;
};

struct Response {
  int status = 0;
  std::string status_text;
  std::string url;  // of the last redirect
  bool redirected = false;
  Headers headers;  // names in lower case, in the order they came
  std::string body;
};

struct Failure {
  ErrorCode code;
  std::string message;
  std::string cause;  // as the system names it: "ECONNREFUSED", "ENOTFOUND"; may be empty
};

// Any status is a response. Errors: invalid_argument (not an http URL), timed_out,
// resource_exhausted (answer larger than allowed), unavailable (no such host, refused, broken
// off, redirect that was to be refused); the message names the host. When the waiting task is
// cancelled the transfer ends within a second, unseen.
Task<tl::expected<Response, Failure>> perform(BlockingPool& pool, Request request);

}  // namespace agentcmd::http
