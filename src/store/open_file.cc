#include "store/open_file.h"

#include "base/fault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace agentcmd::store {

OpenFile::OpenFile(std::filesystem::path path, int flags)
    : path_(std::move(path)), fd_(open(path_.c_str(), flags | O_CLOEXEC, 0600)) {
  if (fd_ < 0) throw_errno(fmt::format("opening {}", path_.native()), errno);
}

OpenFile::~OpenFile() {
  close(fd_);
}

std::size_t OpenFile::read_some(std::span<char> into) {
  std::size_t count = 0;
  while (count < into.size()) {
    const auto got = read(fd_, into.data() + count, into.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(fmt::format("reading {}", path_.native()), errno);
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

void OpenFile::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno(fmt::format("writing {}", path_.native()), errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void OpenFile::sync() {
  if (fsync(fd_) != 0) throw_errno(fmt::format("writing {} to disk", path_.native()), errno);
}

std::uint64_t OpenFile::size() const {
  struct stat status{};
  if (fstat(fd_, &status) != 0) throw_errno(fmt::format("reading {}", path_.native()), errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void sync_folder(const std::filesystem::path& folder) {
  OpenFile(folder, O_RDONLY | O_DIRECTORY).sync();
}

}  // namespace agentcmd::store
