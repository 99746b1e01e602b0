#pragma once
// A request as libcurl is told of it, and its failures in our words: what the client that waits for
// whole answers (client.h) and the one that streams (transfer.h) share. For this folder only.

#include "http/client.h"

#include <curl/curl.h>

#include <memory>
#include <string_view>

namespace agentcmd::http {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;
using CurlList = std::unique_ptr<curl_slist, CurlDeleter>;

bool is_http_url(std::string_view url);

// Throws Fault when there is no memory.
CurlHandle make_curl();

CurlList header_list(const Headers& headers);

// URL, method, body, redirects, timeout. `request` and `headers` outlive the transfer.
void describe(CURL* curl, const Request& request, const curl_slist* headers);

tl::unexpected<Failure> failed(const Request& request, ErrorCode code, std::string_view reason,
                               std::string cause = {});

// Why the transfer ended with `code`; `detail` is what stands in its error buffer.
tl::unexpected<Failure> curl_failure(CURL* curl, CURLcode code, std::string_view detail,
                                     const Request& request);

}  // namespace agentcmd::http
