#include "process/stream_reader.h"

#include "base/fault.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace agentcmd::process {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t chunk_bytes = 64 * limits::kib;

}  // namespace

StreamReader::StreamReader(fs::path file, std::uint64_t from, Listener listener)
    : file_(std::move(file)),
      fd_(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)),
      at_(from),
      listener_(std::move(listener)),
      chunk_(chunk_bytes) {
  if (!fd_.valid()) throw_errno("read " + file_.string(), errno);
}

bool StreamReader::read_more() {
  if (listener_.behind_max != Listener::never) skip_if_far_behind();
  const ssize_t count = ::pread(fd_.get(), chunk_.data(), chunk_.size(), static_cast<off_t>(at_));
  if (count < 0) throw_errno("read " + file_.string(), errno);
  if (count == 0) return false;
  at_ += static_cast<std::uint64_t>(count);
  listener_.on_bytes({chunk_.data(), static_cast<std::size_t>(count)});
  return true;
}

void StreamReader::skip_if_far_behind() {
  const auto end = size();
  if (end <= at_ || end - at_ <= listener_.behind_max) return;
  const auto tail = std::min<std::uint64_t>(limits::shown_tail_bytes, listener_.behind_max);
  const auto skipped = end - at_ - tail;
  at_ += skipped;
  listener_.on_skipped(skipped);
}

std::uint64_t StreamReader::size() const {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) throw_errno("read " + file_.string(), errno);
  return static_cast<std::uint64_t>(info.st_size);
}

void tell_file(const fs::path& file, const Listener& listener) {
  std::error_code absent;
  if (!listener.on_bytes || !fs::exists(file, absent)) return;
  StreamReader reader(file, 0, listener);
  while (reader.read_more()) {
  }
}

}  // namespace agentcmd::process
