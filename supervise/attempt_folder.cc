#include "attempt_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace supervise {
namespace {

constexpr off_t exit_record_bytes_max = 4096;
constexpr std::size_t message_bytes_max = 512;  // escaped, it still fits into the record
constexpr const char* reserved_name = "exit.json.tmp";

std::string member(const char* name, std::string_view value) {
  return std::string("\"") + name + "\":" + std::string(value);
}

std::string to_json(const ExitRecord& record) {
  const std::string_view message(record.message);
  return "{" + member("cause", json_quoted(record.cause)) + "," +
         member("code", std::to_string(record.code)) + "," +
         member("signal", std::to_string(record.signal)) + "," +
         member("message", json_quoted(message.substr(0, message_bytes_max))) + "," +
         member("duration_ms", std::to_string(record.duration_ms)) + "," +
         member("cpu_ms", std::to_string(record.cpu_ms)) + "," +
         member("max_rss_kib", std::to_string(record.max_rss_kib)) + "," +
         member("containment", json_quoted(record.containment)) + "," +
         member("spool_failed", record.spool_failed ? "true" : "false") + "," +
         member("stdout_bytes", std::to_string(record.stdout_bytes)) + "," +
         member("stderr_bytes", std::to_string(record.stderr_bytes)) + "}\n";
}

std::string to_json(const StatusRecord& status) {
  std::string json = "{" + member("pid", std::to_string(status.pid)) + "," +
                     member("start_time", std::to_string(start_time_of(status.pid))) + "," +
                     member("boot_id", json_quoted(boot_id())) + "," +
                     member("containment", json_quoted(status.containment));
  if (!status.cgroup.empty()) json += "," + member("cgroup", json_quoted(status.cgroup));
  if (!status.memory_cgroup.empty()) {
    json += "," + member("memory_cgroup", json_quoted(status.memory_cgroup));
  }
  return json + "}\n";
}

}  // namespace

int AttemptFolder::open(const std::string& path) {
  folder_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder_.valid() ? 0 : errno;
}

Fd AttemptFolder::open_file(const char* name, int flags) const {
  return Fd(::openat(folder_.get(), name, flags | O_CLOEXEC, 0600));
}

int AttemptFolder::sync_folder() const {
  return ::fsync(folder_.get()) == 0 ? 0 : errno;
}

int AttemptFolder::lock(int inherited_fd) {
  if (inherited_fd >= 0) {
    if (::fcntl(inherited_fd, F_SETFD, FD_CLOEXEC) != 0) return errno;
    lock_ = Fd(inherited_fd);
    return 0;
  }
  lock_ = open_file("lock", O_RDWR | O_CREAT);
  if (!lock_.valid()) return errno;
  return ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

int AttemptFolder::reserve_exit_record() {
  reserved_ = open_file(reserved_name, O_RDWR | O_CREAT | O_TRUNC);
  if (!reserved_.valid()) return errno;
  // posix_fallocate writes zeros where the file system cannot reserve.
  return ::posix_fallocate(reserved_.get(), 0, exit_record_bytes_max);
}

int AttemptFolder::claim() {
  const Fd file = open_file("claim", O_WRONLY | O_CREAT | O_EXCL);
  if (!file.valid()) return errno;
  const pid_t self = ::getpid();
  const std::string text = "supervisor " + std::to_string(self) + " " +
                           std::to_string(start_time_of(self)) + " " + boot_id() + "\n";
  int error = write_all(file.get(), text);
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (error == 0) error = sync_folder();
  if (error != 0) withdraw_claim();
  return error;
}

void AttemptFolder::withdraw_claim() {
  ::unlinkat(folder_.get(), "claim", 0);
  ::unlinkat(folder_.get(), reserved_name, 0);
}

// Not synced: it serves to find the tree if we are killed, and after a power failure there is none.
int AttemptFolder::write_status(const StatusRecord& status) {
  const Fd file = open_file("status.json.tmp", O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.valid()) return errno;
  if (const int error = write_all(file.get(), to_json(status)); error != 0) return error;
  if (::renameat(folder_.get(), "status.json.tmp", folder_.get(), "status.json") != 0) {
    return errno;
  }
  return 0;
}

int AttemptFolder::write_exit(const ExitRecord& record) {
  const std::string json = to_json(record);
  if (::pwrite(reserved_.get(), json.data(), json.size(), 0) != static_cast<ssize_t>(json.size())) {
    return errno;
  }
  if (::ftruncate(reserved_.get(), static_cast<off_t>(json.size())) != 0) return errno;
  if (::fsync(reserved_.get()) != 0) return errno;
  if (::renameat(folder_.get(), reserved_name, folder_.get(), "exit.json") != 0) return errno;
  return sync_folder();
}

}  // namespace supervise
