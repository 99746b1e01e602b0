#include "store/backup.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/json.h"
#include "store/backup_files.h"
#include "store/blobs.h"
#include "store/connection.h"
#include "store/content_lock.h"
#include "store/garbage.h"
#include "store/migrations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/soci.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <optional>
#include <shared_mutex>
#include <utility>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool names_a_secret(std::string key) {
  std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array words{"key", "secret", "token", "password"};
  return std::ranges::any_of(words, [&](const char* word) { return key.contains(word); });
}

// Less is copied rather than more: a member is taken for a secret by its name.
void remove_secrets(Json& json) {
  if (json.is_object()) {
    std::vector<std::string> secrets;
    for (const auto& [key, value] : json.items()) {
      if (names_a_secret(key)) secrets.push_back(key);
    }
    for (const auto& key : secrets) json.erase(key);
  }
  if (json.is_structured()) {
    for (auto& value : json) remove_secrets(value);
  }
}

bool is_writable(const fs::path& folder) {
  return faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

bool is_within(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  const auto inside = fs::weakly_canonical(path, error);
  const auto around = fs::weakly_canonical(folder, error);
  return std::ranges::mismatch(around, inside).in1 == around.end();
}

Result<void> check_destination(const BackupOptions& options) {
  const auto& destination = options.destination;
  std::error_code error;
  if (destination.empty()) {
    return fail(ErrorCode::invalid_argument,
                "a backup needs a name: a new file FILE.tar, or a new folder");
  }
  if (fs::exists(fs::symlink_status(destination, error))) {
    return fail(ErrorCode::already_exists,
                fmt::format("{} exists already: choose another name", destination.native()));
  }
  if (!fs::is_directory(destination.parent_path(), error)) {
    return fail(ErrorCode::not_found,
                fmt::format("there is no folder {} to make the backup in: make it first, or choose "
                            "another place",
                            destination.parent_path().native()));
  }
  if (is_within(destination, options.home.root)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is within the home itself: choose a place outside of {}",
                            destination.native(), options.home.root.native()));
  }
  const auto name = destination.filename().native();
  for (const auto* ending : {".gz", ".tgz", ".zst", ".xz", ".bz2", ".zip"}) {
    if (!name.ends_with(ending)) continue;
    return fail(ErrorCode::invalid_argument,
                fmt::format("a backup is a folder or a plain .tar: write {} and pack it then",
                            name.substr(0, name.find('.')) + ".tar"));
  }
  return {};
}

// Removed when the copy is no longer needed.
class ScratchFile {
 public:
  explicit ScratchFile(fs::path path) : path_(std::move(path)) { unlink(path_.c_str()); }
  ~ScratchFile() { unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The database as it is now, whoever writes to it meanwhile.
void copy_database(Connection& connection, const fs::path& to) {
  with_faults("copying the database to", to,
              [&] { connection.sql() << "VACUUM INTO :copy", soci::use(to.native()); });
}

class Backup {
 public:
  Backup(const BackupOptions& options, Time now) : options_(options), now_(now) {}

  Result<BackupReport> make() {
    // Before the copy is made, so that what it refers to stays until it is in the backup. Where
    // nobody can write, nobody can remove.
    std::optional<ContentLock> lock;
    std::shared_lock<ContentLock> relies_on_content;
    const bool is_live = is_writable(options_.home.root);
    if (is_live) {
      lock.emplace(options_.home);
      relies_on_content = std::shared_lock(*lock);
    }
    const auto& destination = options_.destination;
    const ScratchFile copy(destination.native() + ".database.part");
    {
      Connection live(options_.home.database(),
                      is_live ? Connection::Others::may_write : Connection::Others::cannot_write);
      version_ =
          with_faults("reading the database", live.file(), [&] { return schema_version(live); });
      if (auto newer = newer_than_ours(live.file(), version_); !newer.empty()) {
        return fail(ErrorCode::failed_precondition, std::move(newer));
      }
      copy_database(live, copy.path());
    }
    writer_ = destination.extension() == ".tar" ? write_backup_tar(destination)
                                                : write_backup_folder(destination);
    add(writer_->add("database.db", copy.path()));
    Connection connection(copy.path(), Connection::Others::cannot_write);
    with_faults("reading the copy", copy.path(), [&] { add_content(connection); });
    add_configuration();
    writer_->add_text("manifest.json", to_pretty_text(manifest()) + "\n");
    writer_->finish();
    return std::move(report_);
  }

 private:
  void add(const BackupFile& file) {
    files_.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
    ++report_.files;
    report_.bytes += file.bytes;
  }

  void add_content(Connection& connection) {
    long long runs = 0;
    connection.sql() << "SELECT count(*) FROM run_head", soci::into(runs);
    report_.runs = static_cast<std::size_t>(runs);
    const auto references = references_without(connection, {});
    for (const auto& name : references.blobs) add_blob(name);
    for (const auto& hash : references.bundles) add_bundle(hash);
  }

  // A damaged one would only spoil the backup.
  void add_blob(const std::string& name) {
    std::string content;
    try {
      content = Blobs(options_.home.blobs()).get(name);
    } catch (const Fault& fault) {
      missing_.push_back(name);
      report_.warnings.emplace_back(fault.what());
      return;
    }
    add(writer_->add_text(fmt::format("blobs/{}/{}", name.substr(0, 2), name.substr(2)), content));
  }

  void add_bundle(const std::string& hash) {
    const auto path = fmt::format("bundles/{}.json", hash);
    const auto file = options_.home.root / path;
    if (!is_backup_path(path) || !fs::exists(file)) {
      report_.warnings.push_back(fmt::format("the code {} is not kept any more", hash));
      return;
    }
    add(writer_->add(path, file));
  }

  void add_configuration() {
    const auto config = options_.home.config();
    if (fs::exists(config)) {
      auto json = parse_json(text_of(config), "config.json");
      if (!json) {
        report_.warnings.push_back(
            fmt::format("config.json is left out: {}", json.error().message));
      } else {
        if (!options_.with_secrets) remove_secrets(*json);
        add(writer_->add_text("config.json", to_pretty_text(*json) + "\n"));
      }
    }
    const auto credentials = options_.home.root / "credentials";
    if (options_.with_secrets && fs::exists(credentials)) {
      add(writer_->add("credentials", credentials));
    }
  }

  Json manifest() const {
    return {{"format", backup_format},
            {"agentcmd", AGENTCMD_VERSION},
            {"schema", version_.number},
            {"created_at", to_iso8601(now_)},
            {"home", options_.home.root.string()},
            {"runs", report_.runs},
            {"missing", missing_},
            {"files", files_}};
  }

  const BackupOptions& options_;
  Time now_;
  SchemaVersion version_;
  std::unique_ptr<BackupWriter> writer_;
  BackupReport report_;
  Json files_ = Json::array();
  std::vector<std::string> missing_;
};

}  // namespace

Result<BackupReport> back_up(const BackupOptions& options, Time now) {
  if (auto fits = check_destination(options); !fits) return tl::unexpected(fits.error());
  std::error_code error;
  if (!fs::exists(options.home.database(), error)) {
    return fail(ErrorCode::not_found, fmt::format("there is nothing to back up: {} does not exist",
                                                  options.home.database().native()));
  }
  return Backup(options, now).make();
}

}  // namespace agentcmd::store
