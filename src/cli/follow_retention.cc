#include "cli/follow_retention.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/retention.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

// Its time is that of the last time.
fs::path stamp_of(const store::Home& home) {
  return home.root / "retention.last";
}

bool is_due(const fs::path& stamp) {
  std::error_code never;
  const auto last = fs::last_write_time(stamp, never);
  return never || last + limits::retention_every < fs::file_time_type::clock::now();
}

// Before the work, so that two runs that end together do it once.
void set(const fs::path& stamp) {
  const int fd = open(stamp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  std::error_code ignored;
  fs::last_write_time(stamp, fs::file_time_type::clock::now(), ignored);
}

}  // namespace

Task<> follow_retention(Services& services) {
  const auto stamp = stamp_of(services.home);
  if (!services.retention.is_set() || !is_due(stamp)) co_return;
  set(stamp);
  try {
    runtime::PruneOptions options{.home = services.home, .policy = services.retention};
    const auto report = co_await runtime::prune_runs(services.executor, services.store(),
                                                     services.clock, std::move(options));
    log::info("retention.followed", {{"deleted", report.deleted.size()},
                                     {"kept", report.kept.size()},
                                     {"unfinished", report.unfinished.size()}});
  } catch (const Fault& fault) {
    log::warn("retention.failed", {{"error", fault.what()}});
  }
}

}  // namespace agentcmd::cli
