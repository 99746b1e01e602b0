#include "cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace supervise {
namespace {

struct Line {
  std::string_view rest;
  // The next line, or false at the end.
  bool next(std::string_view& line) {
    if (rest.empty()) return false;
    const auto end = rest.find('\n');
    line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return true;
  }
};

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto end = list.find(',');
    if (list.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
  return false;
}

std::string_view field(std::string_view line, int index) {
  for (; index > 0; --index) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return {};
    line.remove_prefix(space + 1);
  }
  return line.substr(0, line.find(' '));
}

// The kernel writes a space in a mount point as \040.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      plain +=
          static_cast<char>(std::strtol(std::string(text.substr(at + 1, 3)).c_str(), nullptr, 8));
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

// Where the hierarchy is mounted; `controller` is empty for v2.
std::string mount_point(std::string_view controller) {
  const std::string text = read_text("/proc/self/mountinfo");
  Line lines{text};
  std::string_view line;
  while (lines.next(line)) {
    const auto separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    const std::string_view tail = line.substr(separator + 3);
    const bool matches = controller.empty()
                             ? field(tail, 0) == "cgroup2"
                             : field(tail, 0) == "cgroup" && has_word(field(tail, 2), controller);
    if (matches) return unescaped(field(line, 4));
  }
  return {};
}

// Our own group in the hierarchy, empty at its top.
std::string own_group(std::string_view controller) {
  const std::string text = read_text("/proc/self/cgroup");
  Line lines{text};
  std::string_view line;
  while (lines.next(line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool matches =
        controller.empty() ? line.starts_with("0::") : has_word(controllers, controller);
    if (!matches) continue;
    const std::string_view path = line.substr(second + 1);
    return path == "/" ? "" : std::string(path);
  }
  return "";
}

std::string_view controller_of(Cgroup::Kind kind) {
  switch (kind) {
    case Cgroup::Kind::v2:
      return "";
    case Cgroup::Kind::v1_freezer:
      return "freezer";
    case Cgroup::Kind::v1_memory:
      return "memory";
  }
  return "";
}

// The number behind `key` in a file of lines "key number"; -1 if there is none.
std::int64_t counter(const std::string& path, std::string_view key) {
  const std::string text = read_text(path);
  Line lines{text};
  std::string_view line;
  while (lines.next(line)) {
    if (field(line, 0) == key) {
      return std::strtoll(std::string(field(line, 1)).c_str(), nullptr, 10);
    }
  }
  return -1;
}

void pause_ms(long ms) {
  const timespec pause{.tv_sec = 0, .tv_nsec = ms * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

std::unique_ptr<Cgroup> Cgroup::create(Kind kind) {
  const std::string mount = mount_point(controller_of(kind));
  if (mount.empty()) return nullptr;
  const pid_t self = ::getpid();
  const std::string name =
      "/agentcmd-" + std::to_string(self) + "-" + std::to_string(start_time_of(self));
  // Below our own group its limits hold for the command too; at the top there may be the only place
  // where we are allowed to.
  for (const std::string& parent : {mount + own_group(controller_of(kind)), mount}) {
    const std::string path = parent + name;
    if (::mkdir(path.c_str(), 0755) == 0) return std::unique_ptr<Cgroup>(new Cgroup(kind, path));
  }
  return nullptr;
}

bool Cgroup::memory_is_limited() {
  // Without a limit the kernel tells the largest number of pages that it can count, in bytes.
  constexpr std::int64_t unlimited = std::int64_t{1} << 62;
  const std::string mount = mount_point("memory");
  if (mount.empty()) return false;
  // In a container our own group may be what is mounted.
  for (const std::string& group : {mount + own_group("memory"), mount}) {
    const std::int64_t limit = counter(group + "/memory.stat", "hierarchical_memory_limit");
    if (limit >= 0) return limit < unlimited;
  }
  return false;
}

Cgroup::Cgroup(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {
  if (kind_ == Kind::v2) fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Cgroup::~Cgroup() {
  // A group whose last process was just reaped may still be busy for an instant.
  for (int attempt = 0; attempt < 50 && ::rmdir(path_.c_str()) != 0; ++attempt) pause_ms(1);
}

bool Cgroup::add(pid_t pid) const {
  return write_text(path_ + "/cgroup.procs", std::to_string(pid));
}

std::vector<pid_t> Cgroup::pids() const {
  std::vector<pid_t> result;
  const std::string text = read_text(path_ + "/cgroup.procs");
  Line lines{text};
  std::string_view line;
  while (lines.next(line)) {
    const pid_t pid = std::atoi(std::string(line).c_str());
    if (pid > 0) result.push_back(pid);  // 0: not visible from our namespace
  }
  return result;
}

void Cgroup::kill() const {
  if (kind_ == Kind::v2 && write_text(path_ + "/cgroup.kill", "1")) return;
  const std::string state = path_ + (kind_ == Kind::v2 ? "/cgroup.freeze" : "/freezer.state");
  const bool is_v2 = kind_ == Kind::v2;
  // Frozen, nobody forks away between the list and the kill; and a frozen process dies only when it
  // is thawed.
  write_text(state, is_v2 ? "1" : "FROZEN");
  for (int attempt = 0; attempt < 50 && !is_v2 && read_text(state) != "FROZEN\n"; ++attempt) {
    pause_ms(1);
  }
  for (const pid_t pid : pids()) ::kill(pid, SIGKILL);
  write_text(state, is_v2 ? "0" : "THAWED");
}

std::int64_t Cgroup::oom_kills() const {
  switch (kind_) {
    case Kind::v2:
      return counter(path_ + "/memory.events", "oom_kill");
    case Kind::v1_memory:
      return counter(path_ + "/memory.oom_control", "oom_kill");
    case Kind::v1_freezer:
      return -1;
  }
  return -1;
}

}  // namespace supervise
