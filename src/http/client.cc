#include "http/client.h"

#include "async/deadline.h"
#include "base/text.h"
#include "http/curl_request.h"

#include <fmt/format.h>

#include <atomic>
#include <memory>

namespace agentcmd::http {

namespace asio = boost::asio;

namespace {

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
  } else {
    parse_header(line, response.headers);
  }
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->abandoned->load() ? 1 : 0;
}

void listen(CURL* curl, Transfer& transfer) {
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

using Answer = tl::expected<Response, Failure>;

tl::unexpected<Failure> failure_of(CURL* curl, CURLcode code, std::string_view detail,
                                   const Request& request, const Transfer& transfer) {
  if (transfer.too_large) {
    return failed(
        request, ErrorCode::resource_exhausted,
        fmt::format("the answer is larger than {} MiB", request.body_bytes_max / limits::mib));
  }
  return curl_failure(curl, code, detail, request);
}

Answer transfer_now(const Request& request, std::shared_ptr<std::atomic<bool>> abandoned) {
  const auto curl = make_curl();

  Transfer transfer{
      .response = {}, .body_bytes_max = request.body_bytes_max, .abandoned = std::move(abandoned)};
  char detail[CURL_ERROR_SIZE] = "";
  const auto headers = header_list(request.headers);
  describe(curl.get(), request, headers.get());
  listen(curl.get(), transfer);
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
  if (!is_http_url(request.url)) {
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
