#include "workspace/checkout_lock.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "git/discovery.h"
#include "git/git.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;

process::UniqueFd open_lock(const fs::path& path) {
  process::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) throw_errno("opening the lock '" + path.string() + "'", errno);
  return file;
}

bool try_lock(const process::UniqueFd& file, int how) {
  if (::flock(file.get(), how | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) throw_errno("locking a checkout", errno);
  return false;
}

// The runs whose drivers live; what dead ones left is removed.
std::vector<std::string> living_holders(const fs::path& folder) {
  std::vector<std::string> runs;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const process::UniqueFd file(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    if (!file.valid()) continue;
    if (try_lock(file, LOCK_EX)) {
      fs::remove(entry.path(), ignored);
    } else {
      runs.push_back(entry.path().filename().string());
    }
  }
  std::ranges::sort(runs);
  return runs;
}

Result<CheckoutLock> lock_in(const fs::path& folder, Mode mode, const std::string& run) {
  std::error_code error;
  fs::create_directories(folder / "holders", error);
  if (error == std::errc::permission_denied || error == std::errc::read_only_file_system) {
    return fail(ErrorCode::permission_denied,
                fmt::format("'{}' cannot be made, so nobody can see that this checkout is in use",
                            to_utf8(folder.string())));
  }
  if (error) throw_errno("making the folder '" + folder.string() + "'", error.value());
  auto lock = open_lock(folder / "checkout.lock");
  if (!try_lock(lock, mode == Mode::branch ? LOCK_EX : LOCK_SH)) {
    const auto holders = join(living_holders(folder / "holders"), ", ");
    return fail(ErrorCode::conflict,
                fmt::format("this checkout is in use by run {}. Wait until it has ended, cancel it "
                            "(agentcmd runs cancel ID), or use --mode worktree",
                            holders.empty() ? "that is just starting or ending" : holders));
  }
  const auto holder_path = folder / "holders" / run;
  auto holder = open_lock(holder_path);
  try_lock(holder, LOCK_EX);
  return CheckoutLock(std::move(lock), std::move(holder), holder_path);
}

// The .git folder of this working tree, or nothing. Every run asks for it, so a plain repository is
// not asked about of git.
Task<std::optional<fs::path>> find_git_dir(boost::asio::any_io_executor executor,
                                           fs::path project) {
  const auto trace = git::look_for_repository(project);
  if (trace.kind == git::Trace::Kind::plain) co_return trace.path;
  const auto layout = co_await git::find_repository({executor, project});
  if (!layout) co_return std::nullopt;
  co_return layout->git_dir;
}

}  // namespace

CheckoutLock::CheckoutLock(process::UniqueFd lock, process::UniqueFd holder, fs::path holder_path)
    : lock_(std::move(lock)), holder_(std::move(holder)), holder_path_(std::move(holder_path)) {}

CheckoutLock::CheckoutLock(CheckoutLock&& other) noexcept
    : lock_(std::move(other.lock_)),
      holder_(std::move(other.holder_)),
      holder_path_(std::exchange(other.holder_path_, {})) {}

CheckoutLock& CheckoutLock::operator=(CheckoutLock&& other) noexcept {
  if (this == &other) return *this;
  release();
  lock_ = std::move(other.lock_);
  holder_ = std::move(other.holder_);
  holder_path_ = std::exchange(other.holder_path_, {});
  return *this;
}

CheckoutLock::~CheckoutLock() {
  release();
}

void CheckoutLock::release() {
  if (!lock_.valid()) return;
  std::error_code ignored;
  fs::remove(holder_path_, ignored);
  holder_ = {};
  lock_ = {};
}

Task<Result<CheckoutLock>> lock_checkout(boost::asio::any_io_executor executor, BlockingPool& pool,
                                         fs::path project, Mode mode, std::string run) {
  if (mode == Mode::worktree) co_return CheckoutLock();
  const auto git_dir = co_await find_git_dir(executor, project);
  // Without a repository there is no branch to be switched, and whatever is wrong with it is said
  // by setup_workspace.
  if (!git_dir) co_return CheckoutLock();
  const auto folder = *git_dir / "agentcmd";
  auto lock = co_await pool.run([=] { return lock_in(folder, mode, run); });
  if (!lock && lock.error().code == ErrorCode::permission_denied && mode == Mode::stay) {
    log::warn("workspace.checkout_not_locked", {{"reason", lock.error().message}});
    co_return CheckoutLock();
  }
  co_return lock;
}

}  // namespace agentcmd::workspace
