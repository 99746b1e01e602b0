#include "http/client.h"

#include "async/deadline.h"
#include "base/fault.h"
#include "base/text.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstring>
#include <memory>
#include <mutex>

namespace agentcmd::http {

namespace asio = boost::asio;

namespace {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;
using CurlList = std::unique_ptr<curl_slist, CurlDeleter>;

// What the callbacks of one transfer share.
struct Transfer {
  Response response;
  std::size_t body_bytes_max;
  std::shared_ptr<std::atomic<bool>> abandoned;
  bool too_large = false;
};

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto length = size * count;
  if (transfer.response.body.size() + length > transfer.body_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(bytes, length);
  return length;
}

// Called for each header line of each answer, those of redirects too: a status line begins anew.
std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& response = static_cast<Transfer*>(user)->response;
  const std::string_view line = trim(std::string_view(bytes, size * count));
  if (line.starts_with("HTTP/")) {
    response.headers.clear();
    const auto code = line.find(' ');
    const auto text = code == line.npos ? line.npos : line.find(' ', code + 1);
    response.status_text = text == line.npos ? "" : std::string(line.substr(text + 1));
  } else if (const auto colon = line.find(':'); colon != line.npos) {
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char letter) {
      return static_cast<char>(std::tolower(letter));
    });
    response.headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
  }
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->abandoned->load() ? 1 : 0;
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

void configure(CURL* curl, const Request& request, const curl_slist* headers, Transfer& transfer) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request.redirects == Redirects::follow ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 20L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
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

using Answer = tl::expected<Response, Failure>;

// The system's name for why: that of the last errno, where the failure had one.
std::string cause_of(CURL* curl, CURLcode code) {
  if (code == CURLE_COULDNT_RESOLVE_HOST) return "ENOTFOUND";
  if (code == CURLE_OPERATION_TIMEDOUT) return "ETIMEDOUT";
  long number = 0;
  curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
  const char* name = number == 0 ? nullptr : ::strerrorname_np(static_cast<int>(number));
  return name != nullptr ? name : "";
}

tl::unexpected<Failure> failed(const Request& request, ErrorCode code, std::string_view reason,
                               std::string cause = {}) {
  return tl::unexpected(
      Failure{code, fmt::format("{} {}: {}", request.method, request.url, reason), cause});
}

tl::unexpected<Failure> failure_of(CURL* curl, CURLcode code, std::string_view detail,
                                   const Request& request, const Transfer& transfer) {
  if (transfer.too_large) {
    return failed(
        request, ErrorCode::resource_exhausted,
        fmt::format("the answer is larger than {} MiB", request.body_bytes_max / limits::mib));
  }
  const auto reason = detail.empty() ? curl_easy_strerror(code) : detail;
  auto kind = ErrorCode::unavailable;
  if (code == CURLE_OPERATION_TIMEDOUT) kind = ErrorCode::timed_out;
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    kind = ErrorCode::invalid_argument;
  }
  return failed(request, kind, reason, cause_of(curl, code));
}

Answer transfer_now(const Request& request, std::shared_ptr<std::atomic<bool>> abandoned) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const CurlHandle curl(curl_easy_init());
  if (!curl) throw Fault("libcurl could not be initialised: out of memory");

  Transfer transfer{
      .response = {}, .body_bytes_max = request.body_bytes_max, .abandoned = std::move(abandoned)};
  char detail[CURL_ERROR_SIZE] = "";
  const auto headers = header_list(request.headers);
  configure(curl.get(), request, headers.get(), transfer);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail);
  const auto code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return failure_of(curl.get(), code, detail, request, transfer);

  long status = 0;
  long redirects = 0;
  const char* url = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_COUNT, &redirects);
  curl_easy_getinfo(curl.get(), CURLINFO_EFFECTIVE_URL, &url);
  transfer.response.status = static_cast<int>(status);
  transfer.response.redirected = redirects > 0;
  transfer.response.url = url != nullptr ? url : request.url;
  if (request.redirects == Redirects::refuse && status >= 300 && status < 400 && status != 304) {
    return failed(request, ErrorCode::unavailable, "redirected, which the request forbids");
  }
  return std::move(transfer.response);
}

// Ends only by cancellation, and then tells the transfer on the pool that nobody waits for it.
Task<> watch_cancellation(std::shared_ptr<std::atomic<bool>> abandoned) {
  struct SetOnExit {
    std::atomic<bool>& flag;
    ~SetOnExit() { flag = true; }
  };
  const SetOnExit guard{*abandoned};
  co_await sleep_until(Deadline::max());
}

}  // namespace

Task<Answer> perform(BlockingPool& pool, Request request) {
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
    co_return failed(request, ErrorCode::invalid_argument, "not an http or https URL");
  }
  auto abandoned = std::make_shared<std::atomic<bool>>(false);
  auto transfer = pool.run(
      [request = std::move(request), abandoned] { return transfer_now(request, abandoned); });
  using namespace asio::experimental::awaitable_operators;
  auto first = co_await (std::move(transfer) || watch_cancellation(abandoned));
  co_return std::move(std::get<0>(first));
}

}  // namespace agentcmd::http
