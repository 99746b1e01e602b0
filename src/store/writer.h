#pragma once
// The one thread of a process that writes history, ownership and requests. It takes everything that
// waits into one transaction (group commit), so that callers share the wait for the disk.

#include "store/blobs.h"
#include "store/commit_lock.h"
#include "store/connection.h"
#include "store/content_lock.h"
#include "store/hand_over.h"
#include "store/history_rows.h"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace agentcmd::store {

// What a job may use within the transaction.
struct WriteContext {
  Connection& connection;
  HistoryRows& history;
};

// Something to be written. Lives on the writer's thread between its caller's two moments on the
// loop.
class Write {
 public:
  virtual ~Write() = default;
  Write(const Write&) = delete;
  Write& operator=(const Write&) = delete;

  // Before the write lock is taken; its failure concerns this one only. Returns its size.
  virtual std::size_t prepare(const Blobs& blobs) = 0;
  // Within the transaction; its failure undoes the transaction. A refusal is a value. Called again
  // where the transaction has to be.
  virtual void apply(WriteContext& context) = 0;
  // On the loop: what the caller gets. `failure` is null after a commit.
  virtual void finish(std::exception_ptr failure) = 0;

 protected:
  Write() = default;
};

class Writer {
 public:
  // `committed` is called on the writer's thread after each commit.
  Writer(boost::asio::any_io_executor executor, const Home& home,
         std::unique_ptr<Connection> connection, std::function<void()> committed);
  ~Writer();  // commits what is waiting
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Work is a struct with `using Value`, `std::size_t prepare(const Blobs&)` and
  // `Value apply(WriteContext&)`. Durable upon return. Throws Fault.
  template <typename Work>
  Task<typename Work::Value> write(Work work);

  // Commits what is waiting and ends the thread.
  Task<> stop();

  // Of this process, for tests and the benchmark.
  std::uint64_t commits() const { return commits_; }

 private:
  template <typename Work>
  class WriteOf;
  using Batch = std::vector<std::unique_ptr<Write>>;

  void check_open() const;
  void push(std::unique_ptr<Write> write);
  void loop();
  std::unique_ptr<Write> next();  // waits; null at the end
  std::unique_ptr<Write> next_if_any();
  Batch gather(std::unique_ptr<Write> first);
  void commit(const Batch& batch);
  bool try_commit(const Batch& batch);
  void finish(Batch batch, std::exception_ptr failure);

  // Constant after construction.
  boost::asio::any_io_executor executor_;
  Home home_;
  Blobs blobs_;
  std::function<void()> committed_;

  // Of the writer's thread. Made again after a fault: no statement of it is then in an unknown
  // state.
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<HistoryRows> rows_;
  CommitLock lock_;
  ContentLock content_;
  std::atomic<std::uint64_t> commits_ = 0;

  // Guarded by mutex_: the queue is where the loop and the thread meet.
  mutable std::mutex mutex_;
  std::condition_variable waiting_;
  std::deque<std::unique_ptr<Write>> queue_;
  bool stopping_ = false;

  std::thread thread_;
};

template <typename Work>
class Writer::WriteOf final : public Write {
 public:
  using Value = typename Work::Value;

  WriteOf(Work work, Answer<Value> answer) : work_(std::move(work)), answer_(std::move(answer)) {}

  std::size_t prepare(const Blobs& blobs) override { return work_.prepare(blobs); }
  void apply(WriteContext& context) override { value_ = work_.apply(context); }
  void finish(std::exception_ptr failure) override {
    std::move(answer_)(std::move(failure), std::move(value_));
  }

 private:
  Work work_;
  Answer<Value> answer_;
  Value value_{};
};

template <typename Work>
Task<typename Work::Value> Writer::write(Work work) {
  check_open();
  auto submit = [this, &work](Answer<typename Work::Value> answer) {
    push(std::make_unique<WriteOf<Work>>(std::move(work), std::move(answer)));
  };
  co_return co_await hand_over<typename Work::Value>(submit);
}

}  // namespace agentcmd::store
