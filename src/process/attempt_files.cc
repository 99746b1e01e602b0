#include "process/attempt_files.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace agentcmd::process {

namespace fs = std::filesystem;

namespace {

struct CauseName {
  ExitCause cause;
  std::string_view name;
};
constexpr std::array cause_names{
    CauseName{ExitCause::exited, "exited"},
    CauseName{ExitCause::signalled, "signalled"},
    CauseName{ExitCause::timed_out, "timed_out"},
    CauseName{ExitCause::cancelled, "cancelled"},
    CauseName{ExitCause::out_of_memory, "out_of_memory"},
    CauseName{ExitCause::output_limit, "output_limit"},
    CauseName{ExitCause::start_failed, "start_failed"},
};

struct ContainmentName {
  Containment containment;
  std::string_view name;
};
constexpr std::array containment_names{
    ContainmentName{Containment::automatic, "automatic"},
    ContainmentName{Containment::pid_namespace, "pid_namespace"},
    ContainmentName{Containment::cgroup_v2, "cgroup_v2"},
    ContainmentName{Containment::cgroup_v1, "cgroup_v1"},
    ContainmentName{Containment::subreaper, "subreaper"},
};

// Nothing if there is no such file.
std::optional<std::string> read_file(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("read " + path.string(), errno);
  }
  std::string text;
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
    if (count < 0) throw_errno("read " + path.string(), errno);
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void sync_folder(const fs::path& dir) {
  const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    throw_errno("write " + dir.string() + " to disk", errno);
  }
}

template <typename Names>
auto& entry_named(const Names& names, std::string_view name, const fs::path& file) {
  for (const auto& entry : names) {
    if (entry.name == name) return entry;
  }
  throw Fault(fmt::format("{} holds the unknown value '{}'", file.string(), name));
}

}  // namespace

std::string_view to_string(ExitCause cause) {
  for (const auto& entry : cause_names) {
    if (entry.cause == cause) return entry.name;
  }
  return "";
}

std::string_view to_string(Containment containment) {
  for (const auto& entry : containment_names) {
    if (entry.containment == containment) return entry.name;
  }
  return "";
}

Claim read_claim(const fs::path& dir) {
  const auto text = read_file(dir / "claim");
  if (!text) return NoClaim{};
  if (text->empty() || text->back() != '\n') return UnfinishedClaim{};
  const auto words = split(trim(*text), ' ');
  if (words.size() != 4 || words[0] != "supervisor") return RecoveryClaim{};
  return ProcessIdentity{.pid = std::atoi(words[1].c_str()),
                         .start_time = std::strtoull(words[2].c_str(), nullptr, 10),
                         .boot_id = words[3]};
}

bool make_recovery_claim(const fs::path& dir) {
  const fs::path path = dir / "claim";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    if (errno == EEXIST) return false;
    throw_errno("make " + path.string(), errno);
  }
  constexpr std::string_view text = "recovery\n";
  // An empty claim says the same once nobody holds the lock, so a full disk does no harm here.
  if (::write(fd.get(), text.data(), text.size()) < 0 && errno != ENOSPC) {
    throw_errno("write " + path.string(), errno);
  }
  ::fsync(fd.get());
  sync_folder(dir);
  return true;
}

bool is_locked(const fs::path& dir) {
  const fs::path path = dir / "lock";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw_errno("open " + path.string(), errno);
  }
  // Shared, so that two who look do not see each other.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno != EWOULDBLOCK) throw_errno("lock " + path.string(), errno);
  return true;
}

UniqueFd take_lock(const fs::path& dir) {
  const fs::path path = dir / "lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) throw_errno("make " + path.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) throw_errno("lock " + path.string(), errno);
  return {};
}

std::optional<Exit> read_exit(const fs::path& dir) {
  const fs::path path = dir / "exit.json";
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  const Json json = parse_trusted(to_utf8(*text), path.string());
  return Exit{.cause = entry_named(cause_names, string_or(json, "cause"), path).cause,
              .code = static_cast<int>(int_or(json, "code", -1)),
              .signal = static_cast<int>(int_or(json, "signal")),
              .message = string_or(json, "message"),
              .duration = std::chrono::milliseconds(int_or(json, "duration_ms")),
              .cpu = std::chrono::milliseconds(int_or(json, "cpu_ms")),
              .max_rss_kib = int_or(json, "max_rss_kib"),
              .containment =
                  entry_named(containment_names, string_or(json, "containment"), path).containment,
              .spool_failed = bool_or(json, "spool_failed")};
}

std::optional<Status> read_status(const fs::path& dir) {
  const fs::path path = dir / "status.json";
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  // Not synced, so after a power failure it may be empty; then nothing of it lives either.
  const auto json = parse_json(to_utf8(*text), path.string());
  if (!json) return std::nullopt;
  return Status{.process = {.pid = static_cast<pid_t>(int_or(*json, "pid")),
                            .start_time = static_cast<std::uint64_t>(int_or(*json, "start_time")),
                            .boot_id = string_or(*json, "boot_id")},
                .cgroup = string_or(*json, "cgroup"),
                .memory_cgroup = string_or(*json, "memory_cgroup")};
}

void make_durable_folder(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> missing;
  for (fs::path at = dir; !at.empty() && !fs::exists(at, error); at = at.parent_path()) {
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0700) != 0 && errno != EEXIST) {
      throw_errno("make the folder " + at->string(), errno);
    }
    sync_folder(at->parent_path());
  }
}

}  // namespace agentcmd::process
