#include "store/reader.h"

#include "base/log.h"

#include <pthread.h>

#include <utility>

namespace agentcmd::store {
namespace {

using namespace std::chrono_literals;

// How far projections are behind when nobody reads, and how long to leave them after a fault.
constexpr auto projection_delay = 50ms;
constexpr auto projection_retry = 1s;

}  // namespace

Reader::Reader(boost::asio::any_io_executor executor, const Home& home)
    : executor_(std::move(executor)),
      home_(home),
      blobs_(home.blobs()),
      thread_(&Reader::loop, this) {
  pthread_setname_np(thread_.native_handle(), "store.read");
}

Reader::~Reader() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  waiting_.notify_one();
  thread_.join();
}

void Reader::notify() {
  {
    const std::lock_guard guard(mutex_);
    if (projection_due_) return;
    projection_due_ = Clock::now() + projection_delay;
  }
  waiting_.notify_one();
}

void Reader::push(Job job) {
  {
    const std::lock_guard guard(mutex_);
    queue_.push_back(std::move(job));
  }
  waiting_.notify_one();
}

Reader::Job Reader::next() {
  std::unique_lock guard(mutex_);
  while (queue_.empty() && !stopping_) {
    if (!projection_due_) {
      waiting_.wait(guard);
    } else if (waiting_.wait_until(guard, *projection_due_) == std::cv_status::timeout) {
      break;
    }
  }
  if (queue_.empty()) return {};
  auto job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void Reader::loop() {
  while (true) {
    if (auto job = next()) {
      job();
      continue;
    }
    {
      const std::lock_guard guard(mutex_);
      if (stopping_ && queue_.empty()) break;
      projection_due_.reset();
    }
    project();
  }
  close();
}

// One batch, so that a reader who comes meanwhile does not wait for all of them.
void Reader::project() {
  bool more = false;
  auto again = Clock::now();
  try {
    auto context = open();
    more = with_faults("writing to the database", home_.database(),
                       [&] { return context.projector.step(); });
    again += projection_delay;
  } catch (const std::exception& error) {
    // History is whole without them: the next attempt or the next reader makes up for it.
    log::warn("projection.failed", {{"error", error.what()}});
    close();
    more = true;
    again += projection_retry;
  }
  if (!more) return;
  const std::lock_guard guard(mutex_);
  projection_due_ = again;
}

ReadContext Reader::open() {
  if (!connection_) connection_ = std::make_unique<Connection>(home_, Durability::relaxed);
  if (!projector_) {
    with_faults("opening the database", home_.database(),
                [this] { projector_ = std::make_unique<Projector>(*connection_, home_); });
  }
  return {*connection_, *projector_, blobs_};
}

void Reader::close() {
  projector_.reset();
  connection_.reset();
}

}  // namespace agentcmd::store
