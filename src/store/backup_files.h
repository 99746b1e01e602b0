#pragma once
// The two forms of a backup, a folder and a tar file, and what both hold:
//
//   database.db, blobs/XX/…, bundles/….json, config.json?, credentials?
//   manifest.json   last: {"format": 1, "agentcmd", "schema", "created_at", "home", "runs",
//                   "missing": [blob, …], "files": [{"path", "bytes", "sha256"}, …]}
//
// The manifest makes it verifiable, and a backup that was cut off has none.

#include "base/json.h"
#include "base/result.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::store {

// Of manifest.json.
inline constexpr int backup_format = 1;

struct BackupFile {
  std::string path;  // within the backup
  std::uint64_t bytes = 0;
  std::string sha256;
};

// Writes beside `destination` ("….part") and renames upon finish(); without that nothing is left.
// What the file system refuses is a Fault.
class BackupWriter {
 public:
  virtual ~BackupWriter() = default;
  BackupWriter(const BackupWriter&) = delete;
  BackupWriter& operator=(const BackupWriter&) = delete;

  virtual BackupFile add(const std::string& path, const std::filesystem::path& from) = 0;
  virtual BackupFile add_text(const std::string& path, std::string_view text) = 0;
  virtual void finish() = 0;  // durable

 protected:
  BackupWriter() = default;
};

std::unique_ptr<BackupWriter> write_backup_folder(const std::filesystem::path& destination);
std::unique_ptr<BackupWriter> write_backup_tar(const std::filesystem::path& destination);

// Whether a file of this name may be in a backup: what is restored must not leave the home.
bool is_backup_path(std::string_view path);

// Copies what is in the backup (either form) into `folder`, which is empty, and compares it with
// the manifest, which is returned. invalid_argument where it is no backup; failed_precondition
// where it is incomplete or damaged, naming the file. Durable upon return.
Result<Json> unpack_backup(const std::filesystem::path& source,
                           const std::filesystem::path& folder);

}  // namespace agentcmd::store
