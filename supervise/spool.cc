#include "spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace supervise {
namespace {

std::array<char, 256 * 1024> chunk;

}  // namespace

Spool::Spool(Fd file, Fd pipe, std::uint64_t bytes_max)
    : file_(std::move(file)), pipe_(std::move(pipe)), bytes_max_(bytes_max) {
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  // Fewer turns between the command and us. Refused to users who have many pipes; no harm then.
  ::fcntl(pipe_.get(), F_SETPIPE_SZ, static_cast<int>(chunk.size()));
}

bool Spool::transfer() {
  if (ended()) return false;
  const ssize_t count = ::read(pipe_.get(), chunk.data(), chunk.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    pipe_.reset();
    return false;
  }
  keep({chunk.data(), static_cast<std::size_t>(count)});
  return true;
}

void Spool::drain() {
  while (transfer()) {
  }
}

void Spool::keep(std::string_view bytes) {
  const auto room =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max_ - written_, bytes.size()));
  if (bytes.size() > room) over_limit_ = true;
  bytes = bytes.substr(0, room);
  while (!bytes.empty() && !failed_) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      failed_ = true;
      return;
    }
    written_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void Spool::sync() {
  if (written_ > 0 && ::fdatasync(file_.get()) != 0) failed_ = true;
}

}  // namespace supervise
