#include "async/blocking.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agentcmd {

namespace asio = boost::asio;

struct BlockingPool::Impl {
  explicit Impl(unsigned threads) : pool(threads) {}
  asio::thread_pool pool;
};

namespace {

Task<> call(std::function<void()> work) {
  work();
  co_return;
}

}  // namespace

BlockingPool::BlockingPool(unsigned threads) : impl_(std::make_unique<Impl>(threads)) {}

BlockingPool::~BlockingPool() {
  impl_->pool.join();
}

Task<> BlockingPool::run_erased(std::function<void()> work) {
  co_await asio::co_spawn(impl_->pool, call(std::move(work)), use_task);
}

}  // namespace agentcmd
