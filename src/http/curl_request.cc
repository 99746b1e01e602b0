#include "http/curl_request.h"

#include "base/fault.h"

#include <fmt/format.h>

#include <cstring>
#include <mutex>

namespace agentcmd::http {
namespace {

// The system's name for why: that of the last errno, where the failure had one.
std::string cause_of(CURL* curl, CURLcode code) {
  if (code == CURLE_COULDNT_RESOLVE_HOST) return "ENOTFOUND";
  if (code == CURLE_OPERATION_TIMEDOUT) return "ETIMEDOUT";
  long number = 0;
  curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
  const char* name = number == 0 ? nullptr : ::strerrorname_np(static_cast<int>(number));
  return name != nullptr ? name : "";
}

}  // namespace

bool is_http_url(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

CurlHandle make_curl() {
  static std::once_flag initialised;
  std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  CurlHandle curl(curl_easy_init());
  if (!curl) throw Fault("libcurl could not be initialised: out of memory");
  return curl;
}

CurlList header_list(const Headers& headers) {
  CurlList list;
  for (const auto& [name, value] : headers) {
    // A header without a value needs a semicolon, else libcurl removes it.
    const auto line = value.empty() ? name + ";" : name + ": " + value;
    list.reset(curl_slist_append(list.release(), line.c_str()));
  }
  // No "Expect: 100-continue": it costs a round trip, and a second with servers that ignore it.
  list.reset(curl_slist_append(list.release(), "Expect:"));
  return list;
}

void describe(CURL* curl, const Request& request, const curl_slist* headers) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request.redirects == Redirects::follow ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 20L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  // POST stays the automatic choice of POSTFIELDS, so that a 303 turns it into GET as fetch does.
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.method == "GET" && !request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "GET");
  }
}

tl::unexpected<Failure> failed(const Request& request, ErrorCode code, std::string_view reason,
                               std::string cause) {
  return tl::unexpected(
      Failure{code, fmt::format("{} {}: {}", request.method, request.url, reason), cause});
}

tl::unexpected<Failure> curl_failure(CURL* curl, CURLcode code, std::string_view detail,
                                     const Request& request) {
  const auto reason = detail.empty() ? curl_easy_strerror(code) : detail;
  auto kind = ErrorCode::unavailable;
  if (code == CURLE_OPERATION_TIMEDOUT) kind = ErrorCode::timed_out;
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    kind = ErrorCode::invalid_argument;
  }
  return failed(request, kind, reason, cause_of(curl, code));
}

}  // namespace agentcmd::http
