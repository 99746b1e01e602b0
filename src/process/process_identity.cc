#include "process/process_identity.h"

#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace agentcmd::process {

std::string read_kernel_text(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> chunk;
  while (fd.valid()) {
    const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
    if (count <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return text;
}

namespace {

// The fields after the name, which may hold anything: the state comes first, behind a blank.
std::vector<std::string> stat_fields(pid_t pid) {
  const std::string stat = read_kernel_text(fmt::format("/proc/{}/stat", pid));
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  return split(std::string_view(stat).substr(name_end + 1), ' ');
}

}  // namespace

bool is_stopped(pid_t pid) {
  const auto fields = stat_fields(pid);
  return fields.size() > 1 && fields[1] == "T";
}

ProcessIdentity identity_of(pid_t pid) {
  ProcessIdentity identity{.pid = pid};
  const std::string boot = read_kernel_text("/proc/sys/kernel/random/boot_id");
  identity.boot_id = trim(boot);
  constexpr std::size_t start_time_field = 20;  // counted from the state, with a blank before it
  const auto fields = stat_fields(pid);
  if (fields.size() > start_time_field) {
    identity.start_time = std::strtoull(fields[start_time_field].c_str(), nullptr, 10);
  }
  return identity;
}

UniqueFd open_process(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return {};
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  // Compared after opening: what we hold now cannot become another process any more.
  if (!fd.valid() || identity_of(identity.pid) != identity) return {};
  return fd;
}

bool has_ended(const UniqueFd& pidfd) {
  return has_ended(pidfd.get());
}

bool has_ended(int pidfd) {
  pollfd poll_fd{pidfd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

void send_signal(const UniqueFd& pidfd, int signal) {
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

}  // namespace agentcmd::process
