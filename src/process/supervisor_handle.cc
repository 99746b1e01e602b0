#include "process/supervisor_handle.h"

#include "async/deadline.h"
#include "base/fault.h"
#include "process/attempt_files.h"
#include "process/orphans.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace agentcmd::process {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::posix::stream_descriptor;
using namespace std::chrono_literals;

namespace {

// What agentcmd-supervise listens to (supervise/README.md).
constexpr int stop_signal = SIGUSR1;
constexpr int kill_now_signal = SIGUSR2;
constexpr int interrupt_signal = SIGINT;

// Where nothing can be waited for: no inotify instance is left, or the pid is of another namespace.
constexpr auto look_again = 50ms;

// So many chunks, then others get their turn on the loop.
constexpr int chunks_at_once = 16;

// The growth of one file.
class FileWatch {
 public:
  FileWatch(const asio::any_io_executor& executor, const fs::path& file) {
    UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd.valid() || ::inotify_add_watch(fd.get(), file.c_str(), IN_MODIFY) < 0) return;
    events_.emplace(executor, fd.release());
  }

  Task<> changed() {
    if (!events_) {
      co_await sleep_until(deadline_in(look_again));
      co_return;
    }
    co_await events_->async_wait(stream_descriptor::wait_read, use_task);
    std::array<char, 4096> ignored;
    while (::read(events_->native_handle(), ignored.data(), ignored.size()) > 0) {
    }
  }

 private:
  std::optional<stream_descriptor> events_;
};

}  // namespace

SupervisorHandle::SupervisorHandle(asio::any_io_executor executor, fs::path dir,
                                   const ProcessIdentity& supervisor)
    : executor_(std::move(executor)), dir_(std::move(dir)), pidfd_(open_process(supervisor)) {}

bool SupervisorHandle::ended() const {
  return pidfd_.valid() ? has_ended(pidfd_) : !is_locked(dir_);
}

Task<> SupervisorHandle::until_ended() {
  if (!pidfd_.valid()) {
    while (is_locked(dir_)) co_await sleep_until(deadline_in(look_again));
    co_return;
  }
  // A descriptor of its own for each who waits: one may be cancelled while others go on.
  const int copy = ::fcntl(pidfd_.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw_errno("watch " + dir_.string(), errno);
  stream_descriptor end(executor_, copy);
  while (!has_ended(pidfd_)) co_await end.async_wait(stream_descriptor::wait_read, use_task);
}

Task<Result<Exit>> SupervisorHandle::wait(StopSource& stop) {
  using namespace asio::experimental::awaitable_operators;
  if (!stop.requested()) co_await (until_ended() || stop.wait());
  if (!ended()) {
    send_signal(pidfd_, stop_signal);
    go_on();
    co_await until_ended();
  }
  reap();
  if (auto exit = read_exit(dir_)) co_return std::move(*exit);
  co_await kill_orphans(dir_);
  co_return fail(ErrorCode::unavailable, "its supervisor was killed and left no result");
}

void SupervisorHandle::interrupt() {
  if (pidfd_.valid()) send_signal(pidfd_, interrupt_signal);
}

void SupervisorHandle::go_on() {
  if (pidfd_.valid()) send_signal(pidfd_, SIGCONT);
}

void SupervisorHandle::kill_now() {
  if (!pidfd_.valid()) return;
  send_signal(pidfd_, kill_now_signal);
  go_on();
}

Task<> SupervisorHandle::follow(std::string stream, std::uint64_t from,
                                std::function<void(std::string_view)> on_bytes) {
  co_await read_on(StreamReader(dir_ / stream, from, {.on_bytes = std::move(on_bytes)}));
}

Task<> SupervisorHandle::listen(std::string stream, Listener listener) {
  co_await read_on(StreamReader(dir_ / stream, 0, std::move(listener)));
}

Task<> SupervisorHandle::read_on(StreamReader reader) {
  using namespace asio::experimental::awaitable_operators;
  FileWatch watch(executor_, reader.file());
  while (true) {
    // Asked before reading: what is written until the end is then read in this round.
    const bool last_round = ended();
    for (int chunks = 1; reader.read_more(); ++chunks) {
      if (chunks % chunks_at_once == 0) co_await asio::post(executor_, use_task);
    }
    if (last_round) co_return;
    co_await (watch.changed() || until_ended());
  }
}

// By pidfd, so that it can only ever be the supervisor; where it is not our child nothing happens.
void SupervisorHandle::reap() const {
  siginfo_t ignored{};
  if (pidfd_.valid()) {
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &ignored, WEXITED | WNOHANG);
  }
}

}  // namespace agentcmd::process
