#pragma once
// An HTTP/1.1 server on loopback: connections are kept alive, answers are sent whole or streamed
// chunk by chunk as they are made. One thread: the loop's. This is the border of HTTP requests:
// what a handler throws is logged and becomes a 500, or a broken connection where the answer had
// begun.

#include "async/deadline.h"
#include "async/task.h"
#include "base/network_limits.h"
#include "http/headers.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace agentcmd::http {

struct Incoming {
  std::string method;
  std::string path;   // without the query
  std::string query;  // after the '?'; may be empty
  Headers headers;
  std::string body;
};

// The one answer to a request. Writing to a client that is gone throws system_error.
class Answer {
 public:
  virtual ~Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  virtual Task<> send(int status, Headers headers, std::string body) = 0;

  // Or in parts: begin, any number of writes, finish.
  virtual Task<> begin(int status, Headers headers) = 0;
  virtual Task<> write(std::string bytes) = 0;
  virtual Task<> finish() = 0;

  // Breaks the connection off, without an end that could be taken for one.
  virtual void abandon() = 0;

  virtual bool has_begun() const = 0;

 protected:
  Answer() = default;
};

// Is cancelled when the client goes away.
using Handler = std::function<Task<>(Incoming request, Answer& answer)>;

struct ServerOptions {
  std::uint16_t port = 0;  // 0: any that is free
  std::size_t body_bytes_max = limits::http_body_bytes_max;
};

class Server {
 public:
  // Listens from now on. Throws Fault where the port is taken.
  Server(boost::asio::any_io_executor executor, ServerOptions options, Handler handler);
  ~Server();  // after drain()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;

  // Accepts connections until drain().
  Task<> run();

  // Accepts nothing new, lets answers that are under way end until the deadline, then breaks them
  // off.
  Task<> drain(Deadline deadline);

  // Requests that are being answered.
  std::size_t busy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agentcmd::http
