#include "http/client.h"

#include "async/deadline.h"

#include <arpa/inet.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>

namespace agentcmd::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A server for one connection after the other: answers each with the next of `answers`, keeps what
// was asked. An empty answer leaves the client waiting until the connection is closed by it.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ::bind(listener_, generic, length);
    ::listen(listener_, 8);
    ::getsockname(listener_, generic, &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~LoopbackServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  // Once the requests that were expected have been answered.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (const auto& answer : answers_) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      requests_.push_back(read_request(peer));
      if (answer.empty()) {
        char byte = 0;
        while (::read(peer, &byte, 1) > 0) {
        }
      }
      (void)!::write(peer, answer.data(), answer.size());
      ::close(peer);
    }
  }
  static std::string read_request(int peer) {
    std::string request;
    char buffer[4096];
    while (!is_whole(request)) {
      const auto count = ::read(peer, buffer, sizeof buffer);
      if (count <= 0) break;
      request.append(buffer, static_cast<std::size_t>(count));
    }
    return request;
  }
  static bool is_whole(const std::string& request) {
    const auto end = request.find("\r\n\r\n");
    if (end == request.npos) return false;
    const auto length = request.find("Content-Length: ");
    if (length == request.npos) return true;
    return request.size() >= end + 4 + std::stoul(request.substr(length + 16));
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

template <typename T>
T wait(asio::io_context& io, Task<T> task) {
  auto future = asio::co_spawn(io, std::move(task), asio::use_future);
  io.restart();
  io.run();
  return future.get();
}

tl::expected<Response, Failure> perform_now(Request request) {
  asio::io_context io;
  BlockingPool pool(1);
  return wait(io, perform(pool, std::move(request)));
}

TEST(HttpClient, AnErrorStatusIsAResponse) {
  LoopbackServer server({"HTTP/1.1 404 Not Found\r\nX-Kind: a\r\nContent-Length: 2\r\n\r\nno"});
  const auto response = perform_now({.url = server.url("/x")});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->status_text, "Not Found");
  EXPECT_EQ(response->body, "no");
  EXPECT_EQ(response->headers.at(0), (std::pair<std::string, std::string>("x-kind", "a")));
  EXPECT_FALSE(response->redirected);
}

TEST(HttpClient, SendsMethodHeadersAndBodyAsTheyAre) {
  LoopbackServer server({"HTTP/1.1 204 No Content\r\n\r\n"});
  Request request{.method = "PATCH", .url = server.url("/items/1")};
  request.headers = {{"X-Key", "v"}, {"Content-Type", "application/json"}};
  request.body = std::string("{\"a\":\"\0\"}", 9);
  const auto response = perform_now(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 204);
  const auto& seen = server.requests().at(0);
  EXPECT_TRUE(seen.starts_with("PATCH /items/1 HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("X-Key: v\r\n"), seen.npos);
  EXPECT_TRUE(seen.ends_with(request.body)) << seen;
}

TEST(HttpClient, FollowsRedirectsAsAskedFor) {
  const std::string moved = "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
  const std::string arrived = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere";
  LoopbackServer followed({moved, arrived});
  const auto there = perform_now({.url = followed.url("/here")});
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ(there->body, "there");
  EXPECT_TRUE(there->redirected);
  EXPECT_EQ(there->url, followed.url("/there"));

  LoopbackServer kept({moved});
  const auto here = perform_now({.url = kept.url("/here"), .redirects = Redirects::keep});
  ASSERT_TRUE(here) << here.error().message;
  EXPECT_EQ(here->status, 302);

  LoopbackServer refused({moved});
  const auto error = perform_now({.url = refused.url("/here"), .redirects = Redirects::refuse});
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::unavailable);
}

TEST(HttpClient, RefusesWhatIsNotHttp) {
  const auto file = perform_now({.url = "file:///etc/passwd"});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::invalid_argument);
}

TEST(HttpClient, NamesTheUrlThatRefusedTheConnection) {
  const auto refused = perform_now({.url = "http://127.0.0.1:1/x"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().cause, "ECONNREFUSED");
  EXPECT_NE(refused.error().message.find("127.0.0.1"), std::string::npos);
}

TEST(HttpClient, RefusesAnAnswerLargerThanAllowed) {
  LoopbackServer server({"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789"});
  const auto large = perform_now({.url = server.url("/"), .body_bytes_max = 10});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::resource_exhausted);
}

TEST(HttpClient, GivesUpAfterItsTimeout) {
  LoopbackServer server({""});
  const auto late = perform_now({.url = server.url("/"), .timeout = 50ms});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::timed_out);
}

Task<bool> perform_before(BlockingPool& pool, Request request) {
  co_return (co_await before(deadline_in(50ms), perform(pool, std::move(request)))).has_value();
}

TEST(HttpClient, ACancelledRequestEndsItsTransferSoon) {
  LoopbackServer server({""});
  asio::io_context io;
  BlockingPool pool(1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(wait(io, perform_before(pool, {.url = server.url("/")})));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

}  // namespace
}  // namespace agentcmd::http
