#include "process/signs_of_life.h"

#include "base/text.h"
#include "process/attempt_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace agentcmd::process {

namespace fs = std::filesystem;

namespace {

// Fields of /proc/PID/stat, counted from the state, with a blank before it.
constexpr std::size_t utime_field = 12;
constexpr std::size_t cstime_field = 15;

std::vector<std::string> stat_fields(pid_t pid) {
  const std::string stat = read_kernel_text(fmt::format("/proc/{}/stat", pid));
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  return split(std::string_view(stat).substr(name_end + 1), ' ');
}

std::chrono::microseconds cpu_of(pid_t pid) {
  static const auto ticks_per_second = ::sysconf(_SC_CLK_TCK);
  const auto fields = stat_fields(pid);
  if (fields.size() <= cstime_field) return {};
  std::int64_t ticks = 0;
  for (auto field = utime_field; field <= cstime_field; ++field) {
    ticks += std::strtoll(fields[field].c_str(), nullptr, 10);
  }
  return std::chrono::microseconds(ticks * 1'000'000 / ticks_per_second);
}

std::chrono::microseconds cpu_below(pid_t parent) {
  std::chrono::microseconds sum{0};
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", parent), gone)) {
    for (const auto& text : split(read_kernel_text(task.path() / "children"), ' ')) {
      const pid_t child = std::atoi(text.c_str());
      if (child > 0) sum += cpu_of(child) + cpu_below(child);
    }
  }
  return sum;
}

// A control group counts for us; else everybody is asked.
std::chrono::microseconds cpu_of_tree(const fs::path& dir, const ProcessIdentity& supervisor) {
  if (const auto status = read_status(dir); status && !status->cgroup.empty()) {
    const std::string text = read_kernel_text(status->cgroup / "cpu.stat");
    constexpr std::string_view name = "usage_usec ";
    if (const auto at = text.find(name); at != std::string::npos) {
      return std::chrono::microseconds(std::strtoll(text.c_str() + at + name.size(), nullptr, 10));
    }
  }
  return cpu_below(supervisor.pid);
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::file_size(file, absent);
  return absent ? 0 : size;
}

}  // namespace

SignsOfLife signs_of_life(const fs::path& dir) {
  SignsOfLife signs{.output_bytes = size_of(dir / "stdout") + size_of(dir / "stderr")};
  const Claim claim = read_claim(dir);
  const auto* supervisor = std::get_if<ProcessIdentity>(&claim);
  // Where its pid is another process's (another boot, another namespace) nothing can be read.
  if (supervisor == nullptr || identity_of(supervisor->pid) != *supervisor) return signs;
  signs.cpu = cpu_of_tree(dir, *supervisor);
  signs.supervisor_stopped = is_stopped(supervisor->pid);
  return signs;
}

}  // namespace agentcmd::process
