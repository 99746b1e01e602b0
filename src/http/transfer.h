#pragma once
// The HTTP client that streams: an answer is read as it comes, chunk by chunk, without a thread for
// each. Who does not read lets the sender wait. Over libcurl, as client.h, on the loop.

#include "async/task.h"
#include "http/client.h"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace agentcmd::http {

struct Head {
  int status = 0;
  Headers headers;
};

// One answer. Destroying it gives the transfer up.
class Transfer {
 public:
  virtual ~Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Failures as those of perform().
  virtual Task<tl::expected<Head, Failure>> head() = 0;

  // What has come since; waits if that is nothing. Empty at the end.
  virtual Task<tl::expected<std::string, Failure>> read() = 0;

 protected:
  Transfer() = default;
};

class CurlLoop;

// The connections of one loop; they are kept and used again. Outlives its transfers.
class Transfers {
 public:
  explicit Transfers(boost::asio::any_io_executor executor);
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  // Redirects are kept as answers, and bodies as they were sent: nothing is decompressed.
  std::unique_ptr<Transfer> start(Request request);

 private:
  std::shared_ptr<CurlLoop> loop_;
};

}  // namespace agentcmd::http
