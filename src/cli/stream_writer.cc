#include "cli/stream_writer.h"

#include "async/deadline.h"
#include "async/wakeup.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace agentcmd::cli {
namespace asio = boost::asio;
namespace {

// When there is no descriptor left to wait with.
constexpr std::chrono::milliseconds look_again{100};
// Where a terminal could not be opened anew, a write may wait in its middle; so it is short.
constexpr std::size_t careful_bytes_max = 512;

bool is_file(int fd, mode_t kind) {
  struct stat status{};
  return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

bool takes_now(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, 0) > 0;
}

bool never_waits(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

}  // namespace

// What drain() waits with; it is gone with the loop.
struct StreamWriter::Draining {
  Draining(StreamWriter& writer, const asio::any_io_executor& executor)
      : changed(executor), ready(executor), writer_(writer) {
    writer_.draining_ = this;
  }
  ~Draining() { writer_.draining_ = nullptr; }
  Draining(const Draining&) = delete;
  Draining& operator=(const Draining&) = delete;

  Wakeup changed;
  asio::posix::stream_descriptor ready;

 private:
  StreamWriter& writer_;
};

void StreamWriter::write(std::string_view text) {
  if (waits() > 0) {
    kept_ += text;
    return;
  }
  while (!text.empty() && !gone_) {
    const auto written = write_some(text);
    if (written) {
      text.remove_prefix(*written);
    } else if (waits_for_reader_) {
      wait_for_reader();
    } else if (!gone_) {
      kept_ = text;
      taken_ = 0;
      if (draining_ != nullptr) draining_->changed.notify();
      return;
    }
  }
}

void StreamWriter::stop_waiting() {
  waits_for_reader_ = false;
  find_manner();
}

void StreamWriter::find_manner() {
  manner_ = Manner::as_it_is;
  if (never_waits(fd_)) return;
  if (is_file(fd_, S_IFSOCK)) {
    manner_ = Manner::socket;
  } else if (is_file(fd_, S_IFIFO) || isatty(fd_) == 1) {
    const auto path = fmt::format("/proc/self/fd/{}", fd_);
    reopened_ = process::UniqueFd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    manner_ = reopened_.valid() ? Manner::reopened : Manner::careful;
  }
}

Task<> StreamWriter::drain() {
  Draining draining(*this, co_await asio::this_coro::executor);
  while (true) {
    if (waits() == 0) {
      co_await draining.changed.wait();
      continue;
    }
    auto& ready = draining.ready;
    boost::system::error_code error;
    if (!ready.is_open()) ready.assign(dup(writable_fd()), error);
    if (error) {
      co_await sleep_until(deadline_in(look_again));
    } else {
      co_await ready.async_wait(asio::posix::stream_descriptor::wait_write,
                                asio::as_tuple(use_task));
    }
    write_kept();
  }
}

void StreamWriter::flush() {
  while (waits() > 0) {
    wait_for_reader();
    write_kept();
  }
  waits_for_reader_ = true;
  reopened_.reset();
}

void StreamWriter::redirect(int fd) {
  const auto unread = std::exchange(kept_, "").substr(std::exchange(taken_, 0));
  fd_ = fd;
  gone_ = false;
  error_ = 0;
  reopened_.reset();
  if (draining_ != nullptr) draining_->ready.close();
  if (!waits_for_reader_) find_manner();
  write(unread);
}

std::optional<std::size_t> StreamWriter::write_some(std::string_view text) {
  while (true) {
    const auto written = write_now(text);
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return std::nullopt;
    gone_ = true;
    if (errno != EPIPE) error_ = errno;
    return std::nullopt;
  }
}

ssize_t StreamWriter::write_now(std::string_view text) const {
  if (waits_for_reader_) return ::write(fd_, text.data(), text.size());
  switch (manner_) {
    case Manner::as_it_is:
    case Manner::reopened:
      return ::write(writable_fd(), text.data(), text.size());
    case Manner::socket:
      return ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Manner::careful:
      if (takes_now(fd_))
        return ::write(fd_, text.data(), std::min(text.size(), careful_bytes_max));
      errno = EAGAIN;
      return -1;
  }
  std::unreachable();
}

void StreamWriter::write_kept() {
  while (waits() > 0) {
    const auto written = write_some(std::string_view(kept_).substr(taken_));
    if (gone_) taken_ = kept_.size();
    if (!written) break;
    taken_ += *written;
  }
  // The rest is moved to the front only now and then: each time costs as much as what is kept.
  if (taken_ < kept_.size() / 2) return;
  kept_.erase(0, std::exchange(taken_, 0));
}

void StreamWriter::wait_for_reader() const {
  pollfd ready{writable_fd(), POLLOUT, 0};
  poll(&ready, 1, -1);
}

}  // namespace agentcmd::cli
