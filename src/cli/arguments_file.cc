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

auto refused(ErrorCode code, const NamedFile& file, std::string_view why) {
  return fail(code, fmt::format("{}: '{}' {}", file.flag, to_utf8(file.name), why));
}

auto unreadable(const NamedFile& file, int error) {
  const auto code = error == ENOENT   ? ErrorCode::not_found
                    : error == EACCES ? ErrorCode::permission_denied
                                      : ErrorCode::invalid_argument;
  return refused(code, file, fmt::format("cannot be read: {}", std::strerror(error)));
}

// What has an end, or a user who makes one.
Result<void> check_kind(int fd, const NamedFile& file) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return unreadable(file, errno);
  if (S_ISDIR(status.st_mode)) {
    return refused(ErrorCode::invalid_argument, file, "is a folder, not a file");
  }
  const bool is_device = S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd) == 0);
  if (is_device) {
    return refused(ErrorCode::invalid_argument, file,
                   "is a device. Name a file or a pipe with a JSON object in it");
  }
  return {};
}

}  // namespace

Result<std::string> read_arguments(const std::filesystem::path& cwd, const NamedFile& file) {
  const process::UniqueFd fd(open((cwd / file.name).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return unreadable(file, errno);
  return read_arguments(fd.get(), file);
}

Result<std::string> read_arguments(int fd, const NamedFile& file) {
  if (const auto fit = check_kind(fd, file); !fit) return tl::unexpected(fit.error());
  std::string text;
  std::vector<char> piece(64 * limits::kib);
  while (text.size() <= limits::arguments_bytes_max) {
    const auto count = read(fd, piece.data(), piece.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(piece.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return unreadable(file, errno);
    }
  }
  return refused(
      ErrorCode::resource_exhausted, file,
      fmt::format("is larger than {} MiB. Put large data into a file of the project, and "
                  "its path into the arguments",
                  limits::arguments_bytes_max / limits::mib));
}

Result<std::string> text_or_file(std::string_view flag, const std::string& typed,
                                 const std::filesystem::path& cwd) {
  if (!typed.starts_with('@')) return typed;
  const auto name = typed.substr(1);
  if (name == "-") return read_arguments(STDIN_FILENO, {.flag = flag, .name = "stdin"});
  return read_arguments(cwd, {.flag = flag, .name = name});
}

}  // namespace agentcmd::cli
