#include "script/worker_channel.h"

#include "base/fault.h"
#include "base/limits.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace agentcmd::script {
namespace {

constexpr std::size_t read_bytes = 64 * limits::kib;
// Small enough that the driver works on the first answers while we make the next.
constexpr std::size_t write_bytes = 8 * limits::kib;

}  // namespace

std::optional<std::string> WorkerChannel::next() {
  if (kept_.empty()) return receive();
  std::string frame = std::move(kept_.front());
  kept_.pop_front();
  return frame;
}

bool WorkerChannel::is_waiting(std::chrono::milliseconds patience) {
  if (!kept_.empty() || reader_.has_frame()) return true;
  flush();
  pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, static_cast<int>(patience.count())) != 0;
}

std::optional<std::string> WorkerChannel::receive() {
  while (true) {
    if (const auto frame = reader_.next()) return std::string(*frame);
    flush();
    const auto space = reader_.prepare(read_bytes);
    const auto count = ::recv(fd_, space.data(), space.size(), 0);
    if (count > 0) {
      reader_.commit(static_cast<std::size_t>(count));
    } else if (count == 0 || errno == ECONNRESET) {
      return std::nullopt;
    } else if (errno != EINTR) {
      throw_errno("reading from the driver", errno);
    }
  }
}

void WorkerChannel::send(std::string_view json) {
  const std::lock_guard lock(mutex_);
  append_frame(out_, json);
  if (out_.size() >= write_bytes) flush_locked();
}

void WorkerChannel::flush() {
  const std::lock_guard lock(mutex_);
  flush_locked();
}

void WorkerChannel::flush_locked() {
  std::string_view rest = out_;
  while (!rest.empty()) {
    const auto count = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count > 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      break;  // the driver is gone; reading says so
    } else if (errno != EINTR) {
      throw_errno("writing to the driver", errno);
    }
  }
  out_.clear();
}

}  // namespace agentcmd::script
