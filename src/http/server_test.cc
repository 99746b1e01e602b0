// The server and the streaming client, against each other.

#include "http/server.h"

#include "async/task_group.h"
#include "async/wakeup.h"
#include "http/transfer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <functional>

namespace agentcmd::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A server with one handler, its loop, and a client.
class HttpServer : public testing::Test {
 public:
  void serve(Handler handler, ServerOptions options = {}) {
    server = std::make_unique<Server>(loop.get_executor(), options, std::move(handler));
    tasks.spawn("serve", server->run());
  }

  // Runs the task to its end, then the server down.
  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(loop, finish(std::move(task)), asio::use_future);
    loop.run();
    return future.get();
  }

  template <typename T>
  Task<T> finish(Task<T> task) {
    auto value = co_await std::move(task);
    co_await server->drain(deadline_in(5s));
    tasks.cancel();
    co_await tasks.join();
    co_return value;
  }

  Request get(const std::string& path) const {
    return {.url = "http://127.0.0.1:" + std::to_string(server->port()) + path};
  }

  Task<std::string> text_of(std::unique_ptr<Transfer> transfer) {
    std::string all;
    while (true) {
      auto part = co_await transfer->read();
      if (!part) co_return all + "<broken off>";
      if (part->empty()) co_return all;
      all += *part;
    }
  }

  asio::io_context loop;
  TaskGroup tasks{loop.get_executor()};
  Transfers transfers{loop.get_executor()};
  std::unique_ptr<Server> server;
};

Task<> echo(Incoming request, Answer& answer) {
  Headers headers{{"x-kind", header_of(request.headers, "x-kind")}};
  co_await answer.send(
      201, std::move(headers),
      request.method + " " + request.path + "?" + request.query + " " + request.body);
}

TEST_F(HttpServer, HandsOnMethodPathQueryHeadersAndBody) {
  serve(echo);
  auto request = get("/a/b?c=d");
  request.method = "POST";
  request.body = "text";
  request.headers = {{"X-Kind", "one"}};
  auto work = [](HttpServer& test, std::unique_ptr<Transfer> transfer) -> Task<std::string> {
    const auto head = co_await transfer->head();
    EXPECT_EQ(head->status, 201);
    EXPECT_EQ(header_of(head->headers, "x-kind"), "one");
    co_return co_await test.text_of(std::move(transfer));
  };
  EXPECT_EQ(wait(work(*this, transfers.start(std::move(request)))), "POST /a/b?c=d text");
}

TEST_F(HttpServer, AChunkArrivesBeforeTheNextIsMade) {
  Wakeup read(loop.get_executor());
  bool go_on = false;
  serve([&](Incoming, Answer& answer) -> Task<> {
    co_await answer.begin(200, {});
    co_await answer.write("one ");
    while (!go_on) co_await read.wait();
    co_await answer.write("two");
    co_await answer.finish();
  });
  auto work = [](HttpServer& test, Transfers& client, Request request, bool& seen,
                 Wakeup& wakeup) -> Task<std::string> {
    auto transfer = client.start(std::move(request));
    auto first = co_await transfer->read();
    seen = true;
    wakeup.notify();
    co_return *first + co_await test.text_of(std::move(transfer));
  };
  EXPECT_EQ(wait(work(*this, transfers, get("/"), go_on, read)), "one two");
}

TEST_F(HttpServer, AnAbandonedAnswerIsAFailureAndNotAnEnd) {
  serve([](Incoming, Answer& answer) -> Task<> {
    co_await answer.begin(200, {});
    co_await answer.write("half");
    answer.abandon();
  });
  EXPECT_EQ(wait(text_of(transfers.start(get("/")))), "half<broken off>");
}

TEST_F(HttpServer, AHandlerThatThrowsIsAnswered500) {
  serve([](Incoming, Answer&) -> Task<> {
    throw std::runtime_error("broken");
    co_return;
  });
  auto transfer = transfers.start(get("/"));
  const auto head = wait(transfer->head());
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 500);
}

TEST_F(HttpServer, AHandlerIsCancelledWhenItsClientGoesAway) {
  bool cancelled = false;
  Wakeup ended(loop.get_executor());
  serve([&](Incoming, Answer& answer) -> Task<> {
    struct Note {
      bool& flag;
      Wakeup& wakeup;
      ~Note() {
        flag = true;
        wakeup.notify();
      }
    };
    const Note note{cancelled, ended};
    co_await answer.begin(200, {});
    co_await answer.write("first");
    co_await sleep_until(Deadline::max());
  });
  auto work = [](Transfers& client, Request request, bool& seen, Wakeup& wakeup) -> Task<bool> {
    auto transfer = client.start(std::move(request));
    co_await transfer->read();
    transfer.reset();
    while (!seen) co_await wakeup.wait();
    co_return seen;
  };
  EXPECT_TRUE(wait(work(transfers, get("/"), cancelled, ended)));
}

TEST_F(HttpServer, ABodyThatIsTooLargeIsRefused) {
  serve(echo, {.port = 0, .body_bytes_max = 10});
  auto request = get("/");
  request.method = "POST";
  request.body = std::string(100, 'x');
  auto transfer = transfers.start(std::move(request));
  const auto head = wait(transfer->head());
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 413);
}

TEST_F(HttpServer, AnAnswerOfManyMegabytesPassesAReaderThatIsSlow) {
  const std::string part(256 * limits::kib, 'x');
  serve([&](Incoming, Answer& answer) -> Task<> {
    co_await answer.begin(200, {});
    for (int i = 0; i < 64; ++i) co_await answer.write(part);
    co_await answer.finish();
  });
  EXPECT_EQ(wait(text_of(transfers.start(get("/")))).size(), 64 * part.size());
}

TEST_F(HttpServer, AServerThatIsNotThereIsAFailureWithItsAddress) {
  serve(echo);
  auto transfer = transfers.start({.url = "http://127.0.0.1:1/x"});
  const auto head = wait(transfer->head());
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(head.error().message.contains("127.0.0.1:1")) << head.error().message;
}

TEST_F(HttpServer, DrainingLetsAnAnswerEnd) {
  Wakeup changed(loop.get_executor());
  bool is_begun = false;
  bool is_draining = false;
  serve([&](Incoming, Answer& answer) -> Task<> {
    co_await answer.begin(200, {});
    is_begun = true;
    changed.notify();
    co_await answer.write("all");
    while (!is_draining) co_await changed.wait();
    co_await answer.write(" of it");
    co_await answer.finish();
  });
  auto work = [&]() -> Task<bool> {
    while (!is_begun) co_await changed.wait();
    // Comes after what follows this task without a pause: the beginning of drain().
    asio::post(loop, [&] {
      is_draining = true;
      changed.notify();
    });
    co_return true;
  };
  auto transfer = transfers.start(get("/"));
  EXPECT_TRUE(wait(work()));
  loop.restart();
  auto rest = asio::co_spawn(loop, text_of(std::move(transfer)), asio::use_future);
  loop.run();
  EXPECT_EQ(rest.get(), "all of it");
}

}  // namespace
}  // namespace agentcmd::http
