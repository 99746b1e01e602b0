#pragma once
// Two runs must not change the branch or the files of one checkout under each other. The driver of
// a run holds the lock of its checkout as long as it drives the run: mode branch alone, mode stay
// together with others of mode stay; mode worktree needs none. The kernel releases it when the
// driver dies.

#include "async/blocking.h"
#include "async/task.h"
#include "base/result.h"
#include "process/unique_fd.h"
#include "workspace/workspace.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <string>

namespace agentcmd::workspace {

class CheckoutLock {
 public:
  CheckoutLock() = default;  // holds nothing
  CheckoutLock(process::UniqueFd lock, process::UniqueFd holder, std::filesystem::path holder_path);
  CheckoutLock(CheckoutLock&& other) noexcept;
  CheckoutLock& operator=(CheckoutLock&& other) noexcept;
  ~CheckoutLock();

  bool holds() const { return lock_.valid(); }
  void release();

 private:
  process::UniqueFd lock_;
  process::UniqueFd holder_;  // names us to those who are refused
  std::filesystem::path holder_path_;
};

// conflict names the runs that hold it; permission_denied where the lock cannot be made. Holds
// nothing, and succeeds, where the project is in no repository, and in mode stay also where the
// repository is read-only.
Task<Result<CheckoutLock>> lock_checkout(boost::asio::any_io_executor executor, BlockingPool& pool,
                                         std::filesystem::path project, Mode mode, std::string run);

}  // namespace agentcmd::workspace
