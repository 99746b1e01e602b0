#pragma once
// The one thread of a process that reads, and that keeps the projections behind the history. It has
// a connection of its own, so that readers never wait for the writer.

#include "store/blobs.h"
#include "store/connection.h"
#include "store/hand_over.h"
#include "store/projector.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>

namespace agentcmd::store {

struct ReadContext {
  Connection& connection;
  Projector& projector;
  const Blobs& blobs;
};

class Reader {
 public:
  Reader(boost::asio::any_io_executor executor, const Home& home);
  ~Reader();  // calls that wait are answered first
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Calls `work` on the reader's thread; its value comes back to the loop. Throws Fault.
  template <std::invocable<ReadContext&> Work>
  Task<std::invoke_result_t<Work, ReadContext&>> read(Work work);

  // There is new history. From any thread.
  void notify();

 private:
  using Clock = std::chrono::steady_clock;
  using Job = std::move_only_function<void()>;

  void push(Job job);
  void loop();
  Job next();  // waits; empty when projections are due or at the end
  void project();
  ReadContext open();
  void close();

  // Constant after construction.
  boost::asio::any_io_executor executor_;
  Home home_;
  Blobs blobs_;

  // Of the reader's thread; opened when first needed and again after a fault.
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Projector> projector_;

  // Guarded by mutex_: the queue is where the loop, the writer and the thread meet.
  std::mutex mutex_;
  std::condition_variable waiting_;
  std::deque<Job> queue_;
  std::optional<Clock::time_point> projection_due_;
  bool stopping_ = false;

  std::thread thread_;
};

template <std::invocable<ReadContext&> Work>
Task<std::invoke_result_t<Work, ReadContext&>> Reader::read(Work work) {
  using Value = std::invoke_result_t<Work, ReadContext&>;
  auto submit = [this, &work](Answer<Value> answer) {
    push([this, work = std::move(work), answer = std::move(answer)]() mutable {
      std::exception_ptr failure;
      Value value{};
      try {
        auto context = open();
        value =
            with_faults("reading the database", home_.database(), [&] { return work(context); });
      } catch (...) {
        failure = std::current_exception();
        close();
      }
      boost::asio::post(executor_, [answer = std::move(answer), failure = std::move(failure),
                                    value = std::move(value)]() mutable {
        std::move(answer)(std::move(failure), std::move(value));
      });
    });
  };
  co_return co_await hand_over<Value>(submit);
}

}  // namespace agentcmd::store
