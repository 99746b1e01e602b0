#include "workspace/exclude.h"

#include "base/fault.h"
#include "base/text.h"
#include "process/unique_fd.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace agentcmd::workspace {
namespace {

// A project may be a subfolder of its repository, hence at any depth.
constexpr std::array patterns{std::string_view(".worktrees/"),
                              std::string_view("**/.agent/workflows/executions/")};

std::string read_all(int fd, const std::string& name) {
  std::string text;
  std::array<char, 4096> chunk{};
  while (true) {
    const auto count = ::read(fd, chunk.data(), chunk.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading '" + name + "'", errno);
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("writing '" + name + "'", errno);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string missing_lines(std::string_view text) {
  const auto lines = split(text, '\n');
  std::string missing;
  for (const auto pattern : patterns) {
    const bool listed =
        std::ranges::any_of(lines, [&](const std::string& line) { return trim(line) == pattern; });
    if (!listed) missing += std::string(pattern) + "\n";
  }
  return missing;
}

// Nearly always so; whoever only reads needs no lock, and no right to write.
bool lists_all(const std::filesystem::path& path) {
  const process::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.valid() && missing_lines(read_all(file.get(), path.string())).empty();
}

}  // namespace

bool excludes_own_files(const std::filesystem::path& common_dir) {
  return lists_all(common_dir / "info" / "exclude");
}

Result<void> exclude_own_files(const std::filesystem::path& common_dir) {
  const auto path = common_dir / "info" / "exclude";
  if (lists_all(path)) return {};
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  const process::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.valid()) {
    if (errno != EACCES && errno != EROFS && errno != EPERM) {
      throw_errno("opening '" + path.string() + "'", errno);
    }
    return fail(ErrorCode::permission_denied,
                fmt::format("'{}' cannot be written; worktrees and run logs are listed there so "
                            "that no commit takes them in",
                            to_utf8(path.string())));
  }
  while (::flock(file.get(), LOCK_EX) < 0) {
    if (errno != EINTR) throw_errno("locking '" + path.string() + "'", errno);
  }
  const auto text = read_all(file.get(), path.string());
  auto added = missing_lines(text);
  if (added.empty()) return {};
  if (!text.empty() && !text.ends_with('\n')) added.insert(0, "\n");
  write_all(file.get(), added, path.string());
  return {};
}

}  // namespace agentcmd::workspace
