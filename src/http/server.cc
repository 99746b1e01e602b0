#include "http/server.h"

#include "async/settled.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/network_limits.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace agentcmd::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;

namespace {

using Parser = beast::http::request_parser<beast::http::string_body>;

std::string_view reason_of(int status) {
  const auto text =
      beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

// What the connection says itself.
bool is_of_the_connection(std::string_view name) {
  return name == "connection" || name == "content-length" || name == "transfer-encoding" ||
         name == "keep-alive";
}

class AnswerOnSocket final : public Answer {
 public:
  AnswerOnSocket(tcp::socket& socket, bool is_head, bool old, bool keep_alive)
      : socket_(socket), is_head_(is_head), is_old_(old), keep_alive_(keep_alive && !old) {}

  Task<> send(int status, Headers headers, std::string body) override {
    auto text = head(status, headers);
    text += fmt::format("content-length: {}\r\n\r\n", body.size());
    if (!is_head_) text += body;
    ended_ = true;
    co_await write_all(std::move(text));
  }

  Task<> begin(int status, Headers headers) override {
    auto text = head(status, headers);
    if (!is_old_) text += "transfer-encoding: chunked\r\n";
    text += "\r\n";
    co_await write_all(std::move(text));
  }

  Task<> write(std::string bytes) override {
    if (bytes.empty() || is_head_) co_return;
    if (is_old_) {
      co_await write_all(std::move(bytes));
      co_return;
    }
    const auto size = fmt::format("{:x}\r\n", bytes.size());
    constexpr std::string_view end = "\r\n";
    const std::array<asio::const_buffer, 3> parts{asio::buffer(size), asio::buffer(bytes),
                                                  asio::buffer(end)};
    co_await asio::async_write(socket_, parts, use_task);
  }

  Task<> finish() override {
    ended_ = true;
    if (!is_old_ && !is_head_) co_await write_all("0\r\n\r\n");
  }

  void abandon() override {
    // Without lingering, the client sees a reset.
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
    begun_ = true;
    ended_ = false;
  }

  bool has_begun() const override { return begun_; }
  bool has_ended() const { return ended_; }
  bool keeps_alive() const { return keep_alive_ && ended_; }

 private:
  std::string head(int status, const Headers& headers) {
    begun_ = true;
    auto text = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
    for (const auto& [name, value] : headers) {
      const bool is_safe = value.find_first_of("\r\n") == std::string::npos;
      if (is_safe && !is_of_the_connection(name)) text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!keep_alive_) text += "connection: close\r\n";
    return text;
  }

  Task<> write_all(std::string text) {
    co_await asio::async_write(socket_, asio::buffer(text), use_task);
  }

  tcp::socket& socket_;
  const bool is_head_;
  const bool is_old_;  // HTTP/1.0 knows no chunks
  const bool keep_alive_;
  bool begun_ = false;
  bool ended_ = false;
};

// Returns when the client has closed its side; a further request is none of our business.
Task<> gone(tcp::socket& socket) {
  co_await socket.async_wait(tcp::socket::wait_read, asio::as_tuple(use_task));
  char byte = 0;
  const auto count = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) co_await sleep_until(Deadline::max());
}

Incoming incoming_of(Parser& parser) {
  auto& message = parser.get();
  Incoming request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
  for (const auto& field : message) {
    parse_header(std::string(field.name_string()) + ":" + std::string(field.value()),
                 request.headers);
  }
  request.body = std::move(message.body());
  return request;
}

}  // namespace

struct Server::Impl {
  Impl(asio::any_io_executor on, ServerOptions given, Handler handle)
      : executor(on),
        options(given),
        handler(std::move(handle)),
        acceptor(on),
        connections(on),
        changed(on) {}

  // The border of a request.
  Task<> answer(AnswerOnSocket& given, Incoming request) {
    const auto path = request.path;
    const auto failed = [&](const char* what) {
      log::error("http.failed", {{"path", path}, {"error", what}});
    };
    try {
      co_await handler(std::move(request), given);
      co_return;
    } catch (const boost::system::system_error& error) {
      // The client went away, or we are being stopped.
      if (error.code() == asio::error::operation_aborted || given.has_begun()) {
        given.abandon();
        co_return;
      }
      failed(error.what());
    } catch (const std::exception& error) {
      failed(error.what());
    }
    if (given.has_begun()) {
      given.abandon();
    } else {
      co_await given.send(500, {{"content-type", "text/plain"}}, "internal error\n");
    }
  }

  // One request and its answer; false when the connection is over.
  Task<bool> serve_one(tcp::socket& socket, beast::flat_buffer& buffer) {
    Parser parser;
    parser.body_limit(options.body_bytes_max);
    parser.header_limit(limits::http_header_bytes_max);
    auto reading = beast::http::async_read(socket, buffer, parser, asio::as_tuple(use_task));
    const auto read = co_await before(deadline_in(limits::http_request_max), std::move(reading));
    if (!read) co_return false;
    const auto error = std::get<0>(*read);
    if (error == beast::http::error::body_limit) {
      AnswerOnSocket refused(socket, false, false, false);
      co_await refused.send(413, {{"content-type", "text/plain"}}, "the request is too large\n");
      co_return false;
    }
    if (error) co_return false;
    const bool is_old = parser.get().version() < 11;
    AnswerOnSocket given(socket, parser.get().method() == beast::http::verb::head, is_old,
                         parser.get().keep_alive() && !draining);
    ++answering;
    struct Leave {
      Impl& server;
      ~Leave() {
        --server.answering;
        server.changed.notify();
      }
    };
    const Leave leave{*this};
    co_await (settle(answer(given, incoming_of(parser))) || gone(socket));
    co_return given.keeps_alive() && !draining;
  }

  Task<> serve(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    beast::flat_buffer buffer;
    while (co_await serve_one(socket, buffer)) {
    }
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  asio::any_io_executor executor;
  const ServerOptions options;
  Handler handler;
  tcp::acceptor acceptor;
  TaskGroup connections;
  Wakeup changed;
  std::size_t answering = 0;
  bool draining = false;
};

Server::Server(asio::any_io_executor executor, ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(executor), options, std::move(handler))) {
  const tcp::endpoint address(asio::ip::address_v4::loopback(), options.port);
  try {
    impl_->acceptor.open(address.protocol());
    impl_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    impl_->acceptor.bind(address);
    impl_->acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw_errno(fmt::format("cannot listen on 127.0.0.1:{}", options.port), error.code().value());
  }
}

Server::~Server() = default;

std::uint16_t Server::port() const {
  return impl_->acceptor.local_endpoint().port();
}

std::size_t Server::busy() const {
  return impl_->answering;
}

Task<> Server::run() {
  auto& self = *impl_;
  while (!self.draining) {
    auto [error, socket] = co_await self.acceptor.async_accept(asio::as_tuple(use_task));
    if (self.draining) break;
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) {
      // Too many files are open: what waits in the kernel's queue is taken when some are closed.
      log::warn("http.accept", {{"error", error.message()}});
      co_await before(deadline_in(limits::http_accept_retry), self.changed.wait());
      continue;
    }
    if (self.connections.size() >= limits::http_connections_max) continue;
    self.connections.spawn("http.connection", self.serve(std::move(socket)));
  }
}

Task<> Server::drain(Deadline deadline) {
  auto& self = *impl_;
  self.draining = true;
  boost::system::error_code ignored;
  self.acceptor.close(ignored);
  while (self.answering > 0 && std::chrono::steady_clock::now() < deadline) {
    co_await before(deadline, self.changed.wait());
  }
  self.connections.cancel();
  co_await self.connections.join();
}

}  // namespace agentcmd::http
