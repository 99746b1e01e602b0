#include "process/rooted_path.h"

#include "base/fault.h"
#include "base/random.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace agentcmd::process {
namespace {

namespace fs = std::filesystem;

constexpr int dir_flags = O_RDONLY | O_DIRECTORY;

// A refusal for what the path itself causes, a Fault for what the world does.
tl::unexpected<Error> refusal(std::string_view doing, const fs::path& root,
                              const fs::path& relative, int error) {
  const std::string what = fmt::format("{} '{}' in {}", doing, relative.string(), root.string());
  switch (error) {
    case EXDEV:
      return fail(ErrorCode::permission_denied, what + ": the path leaves the folder");
    case ELOOP:
      return fail(ErrorCode::permission_denied, what + ": a symbolic link that is not followed");
    case EACCES:
    case EPERM:
      return fail(ErrorCode::permission_denied, what + ": no permission");
    case ENOENT:
    case ENOTDIR:
      return fail(ErrorCode::not_found, what + ": no such file or folder");
    case EEXIST:
      return fail(ErrorCode::already_exists, what + ": it already exists");
    case EISDIR:
      return fail(ErrorCode::invalid_argument, what + ": it is a folder");
    case ENAMETOOLONG:
      return fail(ErrorCode::invalid_argument, what + ": the name is too long");
    case EINVAL:
      return fail(ErrorCode::invalid_argument, what + ": not a usable path");
    default:
      throw_errno(what, error);
  }
}

// Fails with EINVAL where the C string would end early or name the root itself.
int openat2_beneath(int root, const fs::path& relative, int flags, unsigned mode) {
  const std::string& name = relative.native();
  if (name.empty() || name.find('\0') != std::string::npos) {
    errno = EINVAL;
    return -1;
  }
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, root, name.c_str(), &how, sizeof how));
    // EAGAIN: something was renamed meanwhile, so the kernel could not be sure about "..".
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return fd;
  }
}

Result<UniqueFd> open_root(const fs::path& root) {
  UniqueFd fd(::open(root.c_str(), dir_flags | O_CLOEXEC));
  if (!fd.valid()) return refusal("open", root, ".", errno);
  return fd;
}

void sync_or_throw(int fd, const fs::path& what) {
  if (::fsync(fd) != 0) throw_errno("write " + what.string() + " to disk", errno);
}

// The folder that holds the file, made where it is missing. Every step is resolved from the root
// anew, so that a link anywhere on the way is judged by the kernel.
Result<UniqueFd> open_or_make_folders(const fs::path& root, const fs::path& folder) {
  auto current = open_root(root);
  if (!current) return current;
  const int root_fd = ::fcntl(current->get(), F_DUPFD_CLOEXEC, 3);
  if (root_fd < 0) throw_errno("open " + root.string(), errno);
  const UniqueFd base(root_fd);
  fs::path walked;
  for (const auto& part : folder) {
    if (part.empty()) continue;
    walked /= part;
    UniqueFd next(openat2_beneath(base.get(), walked, dir_flags, 0));
    if (!next.valid() && errno == ENOENT) {
      if (::mkdirat(current->get(), part.c_str(), 0755) == 0) {
        sync_or_throw(current->get(), root / walked);
      } else if (errno != EEXIST) {
        return refusal("create", root, walked, errno);
      }
      next = UniqueFd(openat2_beneath(base.get(), walked, dir_flags, 0));
    }
    if (!next.valid()) return refusal("open", root, walked, errno);
    current = std::move(next);
  }
  return current;
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// Writes `content` to the temporary file and renames it; 0 or the error.
int write_and_rename(int folder, const UniqueFd& file, const std::string& temporary,
                     const std::string& name, std::string_view content) {
  struct stat old{};
  if (::fstatat(folder, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode) &&
      ::fchmod(file.get(), old.st_mode & 07777) != 0) {
    return errno;
  }
  if (const int error = write_all(file.get(), content); error != 0) return error;
  if (::fsync(file.get()) != 0) return errno;
  if (::renameat(folder, temporary.c_str(), folder, name.c_str()) != 0) return errno;
  return 0;
}

}  // namespace

Result<UniqueFd> open_beneath(const fs::path& root, const fs::path& relative, int flags,
                              unsigned mode) {
  auto base = open_root(root);
  if (!base) return base;
  UniqueFd fd(openat2_beneath(base->get(), relative, flags, mode));
  if (!fd.valid()) return refusal("open", root, relative, errno);
  return fd;
}

Result<void> write_file_beneath(const fs::path& root, const fs::path& relative,
                                std::string_view content) {
  const std::string name = relative.filename().string();
  if (relative.is_absolute()) return refusal("write", root, relative, EXDEV);
  if (name.empty() || name == "." || name == ".." ||
      relative.native().find('\0') != std::string::npos) {
    return refusal("write", root, relative, EINVAL);
  }
  auto folder = open_or_make_folders(root, relative.parent_path());
  if (!folder) return tl::unexpected(folder.error());

  SystemRandom random;
  const std::string temporary = fmt::format(".agentcmd-{:016x}.tmp", random.next());
  const UniqueFd file(::openat(folder->get(), temporary.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return refusal("write", root, relative, errno);
  if (const int error = write_and_rename(folder->get(), file, temporary, name, content);
      error != 0) {
    ::unlinkat(folder->get(), temporary.c_str(), 0);
    return refusal("write", root, relative, error);
  }
  sync_or_throw(folder->get(), root / relative);
  return {};
}

}  // namespace agentcmd::process
