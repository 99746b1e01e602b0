// node:fs in a closure. Blocks, so it runs on the pool. Paths are the user's: relative ones begin
// at the run's working directory, absolute ones go where they point.

#include "base/limits.h"
#include "base/text.h"
#include "process/unique_fd.h"
#include "steps/base64.h"
#include "steps/effect_result.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>  // mkdtemp
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cmath>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::UniqueFd;

constexpr mode_t default_file_mode = 0666;
constexpr mode_t default_folder_mode = 0777;

// The arguments of one effect.
class Call {
 public:
  Call(const Json& args, const fs::path& working_dir) : args_(args), working_dir_(working_dir) {}

  std::string text(const char* key) const { return string_or(args_, key); }
  bool flag(const char* key, bool otherwise = false) const {
    return bool_or(args_, key, otherwise);
  }
  double number(const char* key, double otherwise) const {
    const auto found = args_.find(key);
    return found != args_.end() && found->is_number() ? found->get<double>() : otherwise;
  }
  mode_t mode(mode_t otherwise) const { return static_cast<mode_t>(number("mode", otherwise)); }
  // Where the path of that argument really is.
  std::string path(const char* key) const { return at(text(key)); }
  std::string at(const std::string& path) const { return (working_dir_ / path).string(); }

 private:
  const Json& args_;
  const fs::path& working_dir_;
};

EffectResult nothing_or(int status, const char* syscall, const Call& call) {
  if (status != 0) return system_error(errno, syscall, call.text("path"));
  return Json();
}

// --- Contents.

EffectResult read_file(const Call& call) {
  const UniqueFd file(::open(call.path("path").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error(errno, "open", call.text("path"));
  std::string content;
  std::array<char, 65536> buffer;
  while (true) {
    const auto count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(errno, "read", call.text("path"));
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > limits::payload_bytes_max) {
      return coded_error("ERR_FS_FILE_TOO_LARGE",
                         "a step.run can read files of up to " +
                             std::to_string(limits::payload_bytes_max / limits::mib) +
                             " MiB; let a step.cli work on this one",
                         "read", call.text("path"));
    }
  }
  return Json(call.text("encoding") == "base64" ? to_base64(content) : to_utf8(content));
}

int open_flags(const std::string& flag) {
  if (flag == "wx") return O_WRONLY | O_CREAT | O_EXCL;
  if (flag == "r+") return O_RDWR;
  if (flag == "a") return O_WRONLY | O_CREAT | O_APPEND;
  if (flag == "ax") return O_WRONLY | O_CREAT | O_APPEND | O_EXCL;
  return O_WRONLY | O_CREAT | O_TRUNC;
}

EffectResult write_with(const Call& call, int flags) {
  auto content = call.text("data");
  if (call.text("encoding") == "base64") {
    auto bytes = from_base64(content);
    if (!bytes) return system_error(EINVAL, "write", call.text("path"));
    content = std::move(*bytes);
  }
  const UniqueFd file(
      ::open(call.path("path").c_str(), flags | O_CLOEXEC, call.mode(default_file_mode)));
  if (!file.valid()) return system_error(errno, "open", call.text("path"));
  std::string_view rest = content;
  while (!rest.empty()) {
    const auto count = ::write(file.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(errno, "write", call.text("path"));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return Json();
}

EffectResult write_file(const Call& call) {
  return write_with(call, open_flags(call.text("flag")));
}

EffectResult append_file(const Call& call) {
  return write_with(call, open_flags("a"));
}

EffectResult truncate_file(const Call& call) {
  const UniqueFd file(::open(call.path("path").c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) return system_error(errno, "open", call.text("path"));
  return nothing_or(::ftruncate(file.get(), static_cast<off_t>(call.number("length", 0))),
                    "ftruncate", call);
}

// --- Folders.

// The first folder made, or null.
EffectResult make_folders(const Call& call) {
  const auto asked = call.text("path");
  const fs::path whole = fs::path(call.path("path")).lexically_normal();
  fs::path so_far;
  std::string first;
  for (const auto& part : whole) {
    so_far /= part;
    if (part.empty() || ::mkdir(so_far.c_str(), call.mode(default_folder_mode)) == 0) {
      if (!part.empty() && first.empty()) first = so_far.string();
      continue;
    }
    const int error = errno;
    std::error_code absent;
    if (fs::is_directory(so_far, absent)) continue;
    return system_error(error == EEXIST && so_far != whole ? ENOTDIR : error, "mkdir", asked);
  }
  return first.empty() ? Json() : Json(first);
}

EffectResult make_folder(const Call& call) {
  if (call.flag("recursive")) return make_folders(call);
  return nothing_or(::mkdir(call.path("path").c_str(), call.mode(default_folder_mode)), "mkdir",
                    call);
}

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "dir";
    case S_IFLNK:
      return "symlink";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    case S_IFCHR:
      return "char";
    case S_IFBLK:
      return "block";
    default:
      return "file";
  }
}

struct Folder {
  std::string real;    // where it is
  std::string parent;  // as the answer calls it
  std::string prefix;  // of its entries' names: "" or "sub/"
};

// Adds the entries of one folder; 0 or the error.
int list_folder(const Folder& folder, Json& entries, std::vector<Folder>& below) {
  DIR* stream = ::opendir(folder.real.c_str());
  if (stream == nullptr) return errno;
  while (const auto* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status{};
    if (::fstatat(::dirfd(stream), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    entries.push_back({{"name", to_utf8(folder.prefix + name)},
                       {"parent", folder.parent},
                       {"kind", kind_of(status.st_mode)}});
    if (S_ISDIR(status.st_mode)) {
      below.push_back({.real = folder.real + "/" + name,
                       .parent = (fs::path(folder.parent) / name).string(),
                       .prefix = folder.prefix + name + "/"});
    }
  }
  ::closedir(stream);
  return 0;
}

EffectResult read_folder(const Call& call) {
  std::vector<Folder> open{{.real = call.path("path"), .parent = call.text("path"), .prefix = {}}};
  Json entries = Json::array();
  for (bool top = true; !open.empty(); top = false) {
    const auto folder = std::move(open.back());
    open.pop_back();
    std::vector<Folder> below;
    const int error = list_folder(folder, entries, below);
    if (error != 0 && (top || error != ENOENT))
      return system_error(error, "scandir", folder.parent);
    if (call.flag("recursive")) std::ranges::move(below, std::back_inserter(open));
  }
  std::sort(entries.begin(), entries.end(), [](const Json& one, const Json& other) {
    return one["name"].get_ref<const std::string&>() < other["name"].get_ref<const std::string&>();
  });
  return entries;
}

EffectResult make_temporary(const Call& call) {
  auto name = call.path("prefix") + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    return system_error(errno, "mkdtemp", call.text("prefix") + "XXXXXX");
  }
  return Json(call.text("prefix") + name.substr(name.size() - 6));
}

// --- What is known of a path.

double milliseconds(const statx_timestamp& time) {
  return static_cast<double>(time.tv_sec) * 1000 + static_cast<double>(time.tv_nsec) / 1e6;
}

EffectResult status_with(const Call& call, int flags, const char* syscall) {
  struct statx status{};
  if (::statx(AT_FDCWD, call.path("path").c_str(), flags, STATX_BASIC_STATS | STATX_BTIME,
              &status) != 0) {
    return system_error(errno, syscall, call.text("path"));
  }
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return Json{{"kind", kind_of(status.stx_mode)},
              {"dev", ::makedev(status.stx_dev_major, status.stx_dev_minor)},
              {"ino", status.stx_ino},
              {"mode", status.stx_mode},
              {"nlink", status.stx_nlink},
              {"uid", status.stx_uid},
              {"gid", status.stx_gid},
              {"rdev", ::makedev(status.stx_rdev_major, status.stx_rdev_minor)},
              {"size", status.stx_size},
              {"blksize", status.stx_blksize},
              {"blocks", status.stx_blocks},
              {"atimeMs", milliseconds(status.stx_atime)},
              {"mtimeMs", milliseconds(status.stx_mtime)},
              {"ctimeMs", milliseconds(status.stx_ctime)},
              {"birthtimeMs", milliseconds(has_birth ? status.stx_btime : status.stx_ctime)}};
}

EffectResult read_status(const Call& call) {
  return status_with(call, 0, "stat");
}

EffectResult read_link_status(const Call& call) {
  return status_with(call, AT_SYMLINK_NOFOLLOW, "lstat");
}

EffectResult check_access(const Call& call) {
  return nothing_or(::access(call.path("path").c_str(), static_cast<int>(call.number("mode", 0))),
                    "access", call);
}

EffectResult real_path(const Call& call) {
  std::array<char, PATH_MAX> buffer;
  if (::realpath(call.path("path").c_str(), buffer.data()) == nullptr) {
    return system_error(errno, "realpath", call.text("path"));
  }
  return Json(to_utf8(buffer.data()));
}

EffectResult read_link(const Call& call) {
  std::array<char, PATH_MAX> buffer;
  const auto length = ::readlink(call.path("path").c_str(), buffer.data(), buffer.size());
  if (length < 0) return system_error(errno, "readlink", call.text("path"));
  return Json(to_utf8({buffer.data(), static_cast<std::size_t>(length)}));
}

// --- Changes of names and properties.

EffectResult remove_any(const Call& call) {
  const auto path = call.path("path");
  std::error_code error;
  const auto kind = fs::symlink_status(path, error).type();
  if (kind == fs::file_type::not_found) {
    if (call.flag("force")) return Json();
    return system_error(ENOENT, "rm", call.text("path"));
  }
  if (kind == fs::file_type::directory && !call.flag("recursive")) {
    return coded_error(
        "ERR_FS_EISDIR",
        "Path is a directory: rm returned EISDIR (is a directory) " + call.text("path"), "rm",
        call.text("path"));
  }
  fs::remove_all(path, error);
  if (error) return system_error(error.value(), "rm", call.text("path"));
  return Json();
}

EffectResult unlink_file(const Call& call) {
  return nothing_or(::unlink(call.path("path").c_str()), "unlink", call);
}

EffectResult remove_folder(const Call& call) {
  return nothing_or(::rmdir(call.path("path").c_str()), "rmdir", call);
}

EffectResult rename_path(const Call& call) {
  if (::rename(call.path("from").c_str(), call.path("to").c_str()) != 0) {
    return system_error(errno, "rename", call.text("from"), call.text("to"));
  }
  return Json();
}

EffectResult copied(const std::error_code& error, const Call& call, const char* syscall) {
  if (error) return system_error(error.value(), syscall, call.text("from"), call.text("to"));
  return Json();
}

EffectResult copy_file(const Call& call) {
  std::error_code error;
  const auto options =
      call.flag("exclusive") ? fs::copy_options::none : fs::copy_options::overwrite_existing;
  fs::copy_file(call.path("from"), call.path("to"), options, error);
  return copied(error, call, "copyfile");
}

EffectResult copy_any(const Call& call) {
  const auto from = call.path("from");
  std::error_code error;
  if (fs::is_directory(from, error) && !call.flag("recursive")) {
    return coded_error("ERR_FS_EISDIR",
                       "Recursive option not enabled, cannot copy a directory: cp returned EISDIR "
                       "(" +
                           call.text("from") + " is a directory (not copied)) " + call.text("from"),
                       "cp", call.text("from"));
  }
  auto options = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
  if (call.flag("force", true)) {
    options |= fs::copy_options::overwrite_existing;
  } else if (!call.flag("errorOnExist")) {
    options |= fs::copy_options::skip_existing;
  }
  const auto to = call.path("to");
  error.clear();
  if (const auto parent = fs::path(to).parent_path(); !parent.empty()) {
    fs::create_directories(parent, error);
  }
  if (!error) fs::copy(from, to, options, error);
  return copied(error, call, "cp");
}

EffectResult change_mode(const Call& call) {
  return nothing_or(::chmod(call.path("path").c_str(), call.mode(0)), "chmod", call);
}

EffectResult make_symlink(const Call& call) {
  const auto target = call.text("target");
  if (::symlink(target.c_str(), call.path("path").c_str()) != 0) {
    return system_error(errno, "symlink", target, call.text("path"));
  }
  return Json();
}

timespec to_timespec(double ms) {
  const double seconds = std::floor(ms / 1000);
  return {.tv_sec = static_cast<time_t>(seconds),
          .tv_nsec = static_cast<long>((ms - seconds * 1000) * 1e6)};
}

EffectResult change_times(const Call& call) {
  const std::array times{to_timespec(call.number("atimeMs", 0)),
                         to_timespec(call.number("mtimeMs", 0))};
  return nothing_or(::utimensat(AT_FDCWD, call.path("path").c_str(), times.data(), 0), "utime",
                    call);
}

struct FileEffect {
  std::string_view name;
  EffectResult (*perform)(const Call& call);
};

constexpr std::array file_effects{
    FileEffect{"fs.readFile", read_file},     FileEffect{"fs.writeFile", write_file},
    FileEffect{"fs.appendFile", append_file}, FileEffect{"fs.truncate", truncate_file},
    FileEffect{"fs.mkdir", make_folder},      FileEffect{"fs.readdir", read_folder},
    FileEffect{"fs.mkdtemp", make_temporary}, FileEffect{"fs.stat", read_status},
    FileEffect{"fs.lstat", read_link_status}, FileEffect{"fs.access", check_access},
    FileEffect{"fs.realpath", real_path},     FileEffect{"fs.readlink", read_link},
    FileEffect{"fs.rm", remove_any},          FileEffect{"fs.unlink", unlink_file},
    FileEffect{"fs.rmdir", remove_folder},    FileEffect{"fs.rename", rename_path},
    FileEffect{"fs.copyFile", copy_file},     FileEffect{"fs.cp", copy_any},
    FileEffect{"fs.chmod", change_mode},      FileEffect{"fs.symlink", make_symlink},
    FileEffect{"fs.utimes", change_times},
};

const FileEffect* find_file_effect(const std::string& name) {
  for (const auto& effect : file_effects) {
    if (effect.name == name) return &effect;
  }
  return nullptr;
}

}  // namespace

bool is_file_effect(const std::string& name) {
  return find_file_effect(name) != nullptr;
}

EffectResult perform_file_effect(const std::string& name, const Json& args,
                                 const fs::path& working_dir) {
  return find_file_effect(name)->perform(Call(args, working_dir));
}

}  // namespace agentcmd::steps
