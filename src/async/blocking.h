#pragma once
// Calls that block (files, git, libcurl) run on a small pool, and their result comes back to the
// loop.

#include "async/task.h"

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace agentcmd {

class BlockingPool {
 public:
  explicit BlockingPool(unsigned threads);
  ~BlockingPool();  // waits for calls that have begun
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Runs `work` on a pool thread; what it throws is thrown here. `work` must own what it uses: it
  // goes on even if the waiting task is cancelled.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run(Work work) {
    using Value = std::invoke_result_t<Work>;
    if constexpr (std::is_void_v<Value>) {
      co_await run_erased(std::move(work));
    } else {
      auto value = std::make_shared<std::optional<Value>>();
      co_await run_erased([value, work = std::move(work)]() mutable { value->emplace(work()); });
      co_return std::move(**value);
    }
  }

 private:
  struct Impl;
  Task<> run_erased(std::function<void()> work);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agentcmd
