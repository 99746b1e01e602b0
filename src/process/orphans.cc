#include "process/orphans.h"

#include "async/deadline.h"
#include "base/log.h"
#include "process/attempt_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <set>

namespace agentcmd::process {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto look_again = 2ms;
// A process in an uninterruptible call of the kernel can outlast KILL; then it is left to die.
constexpr auto patience = 30s;

void write_kernel_text(const fs::path& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.valid() && ::write(fd.get(), text.data(), text.size()) < 0) {
    log::debug("process.orphans", {{"file", path.string()}, {"error", std::strerror(errno)}});
  }
}

std::vector<pid_t> pids_in(std::string_view text) {
  std::vector<pid_t> pids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc() && pid > 0) pids.push_back(pid);
    at = next == at ? at + 1 : next;
  }
  return pids;
}

void kill_cgroup(const fs::path& cgroup) {
  std::error_code ignored;
  if (fs::exists(cgroup / "cgroup.kill", ignored)) {
    write_kernel_text(cgroup / "cgroup.kill", "1");
    return;
  }
  // v1: frozen, nobody forks away; a frozen process dies when it is thawed.
  write_kernel_text(cgroup / "freezer.state", "FROZEN");
  for (const pid_t pid : pids_in(read_kernel_text(cgroup / "cgroup.procs"))) {
    ::kill(pid, SIGKILL);
  }
  write_kernel_text(cgroup / "freezer.state", "THAWED");
}

Task<> end_cgroup(fs::path cgroup) {
  // The path comes from a file; nothing but groups of ours is touched.
  if (!cgroup.filename().string().starts_with("agentcmd-")) co_return;
  const auto give_up = deadline_in(patience);
  while (fs::exists(cgroup) && ::rmdir(cgroup.c_str()) != 0 && Deadline::clock::now() < give_up) {
    kill_cgroup(cgroup);
    co_await sleep_until(deadline_in(look_again));
  }
}

Task<> end_process(ProcessIdentity process) {
  const UniqueFd pidfd = open_process(process);
  if (!pidfd.valid()) co_return;
  send_signal(pidfd, SIGKILL);
  const auto give_up = deadline_in(patience);
  while (!has_ended(pidfd) && Deadline::clock::now() < give_up) {
    co_await sleep_until(deadline_in(look_again));
  }
}

bool is_zombie(pid_t pid) {
  const std::string stat = read_kernel_text(fmt::format("/proc/{}/stat", pid));
  const auto name_end = stat.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= stat.size() ||
         stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X';
}

void add_descendants(pid_t parent, std::set<pid_t>& found) {
  std::error_code error;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", parent), error)) {
    for (const pid_t child : pids_in(read_kernel_text(task.path() / "children"))) {
      if (!is_zombie(child) && found.insert(child).second) add_descendants(child, found);
    }
  }
}

// Everybody with the attempt's variable, and those who descend from them without it.
std::set<pid_t> marked_processes(const std::string& marker) {
  std::set<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == ::getpid()) continue;
    const std::string environment = '\0' + read_kernel_text(entry.path() / "environ");
    if (environment.find(marker) == std::string::npos || is_zombie(pid)) continue;
    found.insert(pid);
    add_descendants(pid, found);
  }
  return found;
}

// One pass over /proc is always too late for somebody who forks: they are stopped until two passes
// find nobody new, and then killed together.
Task<> end_marked(fs::path dir) {
  const std::string marker =
      fmt::format("{0}{1}={2}{0}", '\0', attempt_variable, attempt_path(dir).string());
  const auto give_up = deadline_in(patience);
  while (Deadline::clock::now() < give_up) {
    std::set<pid_t> known;
    for (int quiet = 0; quiet < 2 && Deadline::clock::now() < give_up;) {
      std::set<pid_t> marked = marked_processes(marker);
      for (const pid_t pid : marked) ::kill(pid, SIGSTOP);
      const bool nobody_new =
          std::includes(known.begin(), known.end(), marked.begin(), marked.end());
      quiet = nobody_new ? quiet + 1 : 0;
      known = std::move(marked);
    }
    if (known.empty()) co_return;
    for (const pid_t pid : known) ::kill(pid, SIGKILL);
    co_await sleep_until(deadline_in(look_again));
  }
}

}  // namespace

fs::path attempt_path(const fs::path& dir) {
  return fs::weakly_canonical(fs::absolute(dir));
}

Task<> kill_orphans(fs::path dir) {
  if (const auto status = read_status(dir)) {
    co_await end_process(status->process);
    co_await end_cgroup(status->cgroup);
    co_await end_cgroup(status->memory_cgroup);
  }
  co_await end_marked(std::move(dir));
}

}  // namespace agentcmd::process
