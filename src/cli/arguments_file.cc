#include "cli/arguments_file.h"

#include "base/limits.h"
#include "base/text.h"
#include "process/unique_fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace agentcmd::cli {
namespace {

auto refused(ErrorCode code, const std::string& name, std::string_view why) {
  return fail(code, fmt::format("--args: '{}' {}", to_utf8(name), why));
}

auto unreadable(const std::string& name, int error) {
  const auto code = error == ENOENT   ? ErrorCode::not_found
                    : error == EACCES ? ErrorCode::permission_denied
                                      : ErrorCode::invalid_argument;
  return refused(code, name, fmt::format("cannot be read: {}", std::strerror(error)));
}

// What has an end, or a user who makes one.
Result<void> check_kind(int fd, const std::string& name) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return unreadable(name, errno);
  if (S_ISDIR(status.st_mode)) {
    return refused(ErrorCode::invalid_argument, name, "is a folder, not a file");
  }
  const bool is_device = S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd) == 0);
  if (is_device) {
    return refused(ErrorCode::invalid_argument, name,
                   "is a device. Name a file or a pipe with a JSON object in it");
  }
  return {};
}

}  // namespace

Result<std::string> read_arguments(const std::filesystem::path& cwd, const std::string& name) {
  const process::UniqueFd fd(open((cwd / name).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return unreadable(name, errno);
  return read_arguments(fd.get(), name);
}

Result<std::string> read_arguments(int fd, const std::string& name) {
  if (const auto fit = check_kind(fd, name); !fit) return tl::unexpected(fit.error());
  std::string text;
  std::vector<char> piece(64 * limits::kib);
  while (text.size() <= limits::arguments_bytes_max) {
    const auto count = read(fd, piece.data(), piece.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(piece.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return unreadable(name, errno);
    }
  }
  return refused(
      ErrorCode::resource_exhausted, name,
      fmt::format("is larger than {} MiB. Put large data into a file of the project, and "
                  "its path into the arguments",
                  limits::arguments_bytes_max / limits::mib));
}

}  // namespace agentcmd::cli
