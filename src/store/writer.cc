#include "store/writer.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"

#include <boost/asio/post.hpp>
#include <pthread.h>

#include <shared_mutex>
#include <utility>
#include <variant>

namespace agentcmd::store {

namespace asio = boost::asio;

namespace {

// Waits like any other write, so that it ends after all of them.
struct NoWork {
  using Value = std::monostate;
  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext&) { return {}; }
};

}  // namespace

Writer::Writer(asio::any_io_executor executor, const Home& home,
               std::unique_ptr<Connection> connection, std::function<void()> committed)
    : executor_(std::move(executor)),
      home_(home),
      blobs_(home.blobs()),
      committed_(std::move(committed)),
      connection_(std::move(connection)),
      lock_(home),
      content_(home),
      thread_(&Writer::loop, this) {
  pthread_setname_np(thread_.native_handle(), "store.write");
}

Writer::~Writer() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  waiting_.notify_one();
  thread_.join();
}

void Writer::check_open() const {
  const std::lock_guard guard(mutex_);
  if (stopping_) throw Fault("the history log is closed");
}

void Writer::push(std::unique_ptr<Write> write) {
  {
    const std::lock_guard guard(mutex_);
    queue_.push_back(std::move(write));
  }
  waiting_.notify_one();
}

Task<> Writer::stop() {
  auto submit = [this](Answer<std::monostate> answer) {
    push(std::make_unique<WriteOf<NoWork>>(NoWork{}, std::move(answer)));
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  };
  check_open();
  co_await hand_over<std::monostate>(submit);
}

std::unique_ptr<Write> Writer::next() {
  std::unique_lock guard(mutex_);
  waiting_.wait(guard, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return nullptr;
  auto write = std::move(queue_.front());
  queue_.pop_front();
  return write;
}

std::unique_ptr<Write> Writer::next_if_any() {
  const std::lock_guard guard(mutex_);
  if (queue_.empty()) return nullptr;
  auto write = std::move(queue_.front());
  queue_.pop_front();
  return write;
}

void Writer::loop() {
  while (auto first = next()) {
    // From the first blob until the commit that refers to it.
    std::shared_lock relies_on_content(content_);
    auto batch = gather(std::move(first));
    if (batch.empty()) continue;
    std::exception_ptr failure;
    try {
      commit(batch);
    } catch (...) {
      failure = std::current_exception();
      rows_.reset();
      connection_.reset();
    }
    relies_on_content.unlock();
    finish(std::move(batch), failure);
    if (!failure) committed_();
  }
  rows_.reset();
  connection_.reset();
}

// Everything that waits, up to the size of a commit.
Writer::Batch Writer::gather(std::unique_ptr<Write> first) {
  Batch batch;
  std::size_t bytes = 0;
  for (auto write = std::move(first); write; write = next_if_any()) {
    try {
      bytes += write->prepare(blobs_);
      batch.push_back(std::move(write));
    } catch (...) {
      Batch failed;
      failed.push_back(std::move(write));
      finish(std::move(failed), std::current_exception());
    }
    if (bytes >= limits::commit_bytes_max) break;
  }
  return batch;
}

void Writer::commit(const Batch& batch) {
  with_faults("writing to the database", home_.database(), [&] {
    const std::lock_guard turn(lock_);
    if (!connection_) connection_ = std::make_unique<Connection>(home_, Durability::full);
    if (!rows_) rows_ = std::make_unique<HistoryRows>(*connection_);
    if (!try_commit(batch)) {
      rows_->forget();
      AGENTCMD_CHECK(try_commit(batch), "runs changed that nobody remembers");
    }
    ++commits_;
  });
}

bool Writer::try_commit(const Batch& batch) {
  WriteTransaction transaction(*connection_);
  rows_->begin();
  WriteContext context{*connection_, *rows_};
  for (const auto& write : batch) write->apply(context);
  if (!rows_->flush()) return false;
  transaction.commit();
  rows_->committed();
  return true;
}

// One call of the loop for all of them.
void Writer::finish(Batch batch, std::exception_ptr failure) {
  auto answer = [failure = std::move(failure),
                 writes = std::make_shared<Batch>(std::move(batch))]() mutable {
    for (auto& write : *writes) write->finish(failure);
  };
  asio::post(executor_, std::move(answer));
}

}  // namespace agentcmd::store
