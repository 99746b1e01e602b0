// The other half of backup.h. The home is touched by one rename, when everything that takes its
// place is on the disk and verified.

#include "base/fault.h"
#include "base/json.h"
#include "store/backup.h"
#include "store/backup_files.h"
#include "store/blobs.h"
#include "store/connection.h"
#include "store/garbage.h"
#include "store/migrations.h"
#include "store/open_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <soci/soci.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

bool has_content(const fs::path& folder) {
  std::error_code error;
  const fs::directory_iterator first(folder, error);
  return !error && first != fs::directory_iterator();
}

// A folder beside the home, in which one restore at a time makes the new one.
class Staging {
 public:
  explicit Staging(fs::path path) : path_(std::move(path)) {
    if (mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) {
      throw_errno(fmt::format("creating {}", path_.native()), errno);
    }
    fd_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) throw_errno(fmt::format("opening {}", path_.native()), errno);
    is_ours_ = flock(fd_, LOCK_EX | LOCK_NB) == 0;
    // What a restore that was killed has left.
    if (is_ours_) clear();
  }
  ~Staging() {
    if (is_ours_ && !is_moved_) {
      clear();
      rmdir(path_.c_str());
    }
    close(fd_);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  bool is_ours() const { return is_ours_; }
  const fs::path& path() const { return path_; }
  void moved() { is_moved_ = true; }

 private:
  void clear() {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path_, ignored)) {
      fs::remove_all(entry.path(), ignored);
    }
  }

  fs::path path_;
  int fd_ = -1;
  bool is_ours_ = false;
  bool is_moved_ = false;
};

Result<void> check_database(const fs::path& file, const Json& manifest, RestoreReport& report) {
  return with_faults("reading the backup's database", file, [&]() -> Result<void> {
    Connection connection(file, Connection::Others::cannot_write);
    const auto version = schema_version(connection);
    if (auto newer = newer_than_ours(file.filename(), version); !newer.empty()) {
      return fail(ErrorCode::failed_precondition, std::move(newer));
    }
    std::string verdict;
    connection.sql() << "PRAGMA integrity_check(1)", soci::into(verdict);
    if (verdict != "ok") {
      return fail(
          ErrorCode::failed_precondition,
          fmt::format("the database in the backup is damaged: {}. Take another backup", verdict));
    }
    long long runs = 0;
    connection.sql() << "SELECT count(*) FROM run_head", soci::into(runs);
    report.runs = static_cast<std::size_t>(runs);
    std::set<std::string> missing;
    for (const auto& name : manifest.value("missing", Json::array())) {
      if (name.is_string()) missing.insert(name.get<std::string>());
    }
    const Blobs blobs(file.parent_path() / "blobs");
    for (const auto& name : references_without(connection, {}).blobs) {
      if (missing.contains(name)) {
        report.warnings.push_back(fmt::format("blob {} was lost before the backup was made", name));
      } else {
        blobs.get(name);
      }
    }
    return {};
  });
}

// Keys and settings that the backup may not have.
void keep_own(const Home& home, const fs::path& folder, RestoreReport& report) {
  for (const auto* name : {"config.json", "credentials"}) {
    std::error_code error;
    if (!fs::exists(home.root / name, error)) continue;
    fs::copy_file(home.root / name, folder / name, fs::copy_options::overwrite_existing);
    fs::permissions(folder / name, fs::perms::owner_read | fs::perms::owner_write);
    report.kept.emplace_back(name);
  }
}

void exchange(const fs::path& one, const fs::path& other) {
  if (renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    throw_errno(fmt::format("putting {} in the place of {}", one.native(), other.native()), errno);
  }
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw_errno(fmt::format("renaming {} to {}", from.native(), to.native()), errno);
  }
}

fs::path former_name(const fs::path& home, Time now) {
  auto time = to_iso8601(now).substr(0, 19);
  std::ranges::replace(time, ':', '-');
  auto name = fs::path(fmt::format("{}.before-restore-{}", home.native(), time));
  for (int n = 2; fs::exists(name); ++n) {
    name = fmt::format("{}.before-restore-{}-{}", home.native(), time, n);
  }
  return name;
}

auto in_use(const Home& home, const std::string& users) {
  return fail(ErrorCode::failed_precondition,
              fmt::format("the home {} is in use: {}. Stop it, or restore into another folder "
                          "with --home",
                          home.root.native(), users));
}

// Whether a backup that is sound may take the place of the home.
Result<void> check_home(const RestoreOptions& options, const Home& home) {
  if (auto users = options.users(home); !users.empty()) return in_use(home, users);
  if (!has_content(home.root) || options.force) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("{} is not empty: --force puts the backup in its place and keeps what "
                          "is there beside it, --home names another folder",
                          home.root.native()));
}

// Users are asked for again when nobody can find the former home under its name any more.
Result<void> put_in_place(const RestoreOptions& options, const Home& home, Staging& staging,
                          Time now, RestoreReport& report) {
  if (!fs::exists(home.root)) {
    rename_or_throw(staging.path(), home.root);
  } else {
    exchange(staging.path(), home.root);
    if (auto users = options.users({staging.path()}); !users.empty()) {
      exchange(staging.path(), home.root);
      return in_use(home, users);
    }
    if (has_content(staging.path())) {
      report.former = former_name(home.root, now);
      rename_or_throw(staging.path(), report.former);
    } else {
      rmdir(staging.path().c_str());
    }
  }
  staging.moved();
  sync_folder(home.root.parent_path());
  return {};
}

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, Time now) {
  std::error_code error;
  // A link to the home stays one.
  const Home home{fs::exists(options.home.root) ? fs::canonical(options.home.root)
                                                : fs::absolute(options.home.root)};
  if (!fs::exists(options.source, error)) {
    return fail(ErrorCode::not_found,
                fmt::format("there is no backup {}", options.source.native()));
  }
  fs::create_directories(home.root.parent_path());
  Staging staging(home.root.native() + ".restoring");
  if (!staging.is_ours()) {
    return fail(ErrorCode::conflict,
                fmt::format("another restore of {} is going on", home.root.native()));
  }
  RestoreReport report;
  const auto manifest = unpack_backup(options.source, staging.path());
  if (!manifest) return tl::unexpected(manifest.error());
  report.files = (*manifest)["files"].size();
  report.created_at = string_or(*manifest, "created_at");
  report.from_home = string_or(*manifest, "home");
  auto sound = check_database(staging.path() / "database.db", *manifest, report);
  if (!sound) return tl::unexpected(sound.error());
  if (options.check_only) return report;
  if (auto free = check_home(options, home); !free) return tl::unexpected(free.error());
  fs::remove(staging.path() / "manifest.json");
  prepare({staging.path()});
  keep_own(home, staging.path(), report);
  sync_folder(staging.path());
  auto placed = put_in_place(options, home, staging, now, report);
  if (!placed) return tl::unexpected(placed.error());
  return report;
}

}  // namespace agentcmd::store
