#include "store/backup_files.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/sha256.h"
#include "store/open_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_bytes = 256 * limits::kib;
constexpr std::string_view manifest_path = "manifest.json";

fs::path folder_around(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw_errno(fmt::format("writing {}", to.native()), errno);
  }
  sync_folder(folder_around(to));
}

// Calls `take` with the bytes of the file, piece by piece; what they are.
template <typename Take>
BackupFile each_piece(const std::string& path, OpenFile& from, std::uint64_t bytes, Take take) {
  BackupFile file{.path = path};
  Sha256 hash;
  std::vector<char> piece(piece_bytes);
  while (file.bytes < bytes) {
    const auto wanted = std::min<std::uint64_t>(piece.size(), bytes - file.bytes);
    const auto got = from.read_some(std::span(piece).first(wanted));
    const std::string_view text(piece.data(), got);
    hash.add(text);
    take(text);
    file.bytes += got;
    if (got < wanted) break;
  }
  file.sha256 = hash.hex();
  return file;
}

class FolderWriter final : public BackupWriter {
 public:
  explicit FolderWriter(fs::path destination)
      : destination_(std::move(destination)), part_(destination_.native() + ".part") {
    fs::remove_all(part_);
    if (mkdir(part_.c_str(), 0700) != 0) {
      throw_errno(fmt::format("creating {}", part_.native()), errno);
    }
  }
  ~FolderWriter() override {
    std::error_code ignored;
    if (!finished_) fs::remove_all(part_, ignored);
  }

  BackupFile add(const std::string& path, const fs::path& from) override {
    OpenFile in(from, O_RDONLY);
    OpenFile out(place(path), O_WRONLY | O_CREAT | O_EXCL);
    auto file =
        each_piece(path, in, in.size(), [&](std::string_view text) { out.write_all(text); });
    out.sync();
    return file;
  }
  BackupFile add_text(const std::string& path, std::string_view text) override {
    OpenFile out(place(path), O_WRONLY | O_CREAT | O_EXCL);
    out.write_all(text);
    out.sync();
    Sha256 hash;
    hash.add(text);
    return {.path = path, .bytes = text.size(), .sha256 = hash.hex()};
  }
  void finish() override {
    for (const auto& folder : folders_) sync_folder(folder);
    sync_folder(part_);
    rename_durably(part_, destination_);
    finished_ = true;
  }

 private:
  fs::path place(const std::string& path) {
    auto place = part_ / path;
    fs::create_directories(place.parent_path());
    for (auto folder = place.parent_path(); folder != part_; folder = folder.parent_path()) {
      folders_.insert(folder);
    }
    return place;
  }

  fs::path destination_;
  fs::path part_;
  std::set<fs::path> folders_;
  bool finished_ = false;
};

// POSIX ustar; sizes from 8 GiB on in GNU's binary form.
struct TarHeader {
  std::array<char, 100> name;
  std::array<char, 8> mode, uid, gid;
  std::array<char, 12> size, mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 8> magic;
  std::array<char, 32> user, group;
  std::array<char, 16> device;
  std::array<char, 155> prefix;
  std::array<char, 12> rest;
};
constexpr std::size_t block = 512;
static_assert(sizeof(TarHeader) == block);

template <std::size_t N>
void put_octal(std::array<char, N>& field, std::uint64_t value) {
  const auto digits = fmt::format("{:0{}o}", value, N - 1);
  if (digits.size() < N) {
    std::ranges::copy(digits, field.begin());
    return;
  }
  field[0] = static_cast<char>(0x80);
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    field[N - 1 - i] = static_cast<char>((value >> (8 * i)) & 0xffU);
  }
}

template <std::size_t N>
std::uint64_t get_number(const std::array<char, N>& field) {
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(field[0]) & 0x80U) != 0) {
    for (std::size_t i = N - sizeof(value); i < N; ++i) {
      value = value << 8U | static_cast<unsigned char>(field[i]);
    }
    return value;
  }
  for (const char c : field) {
    if (c < '0' || c > '7') {
      if (c == ' ' && value == 0) continue;
      break;
    }
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

unsigned checksum_of(const TarHeader& header) {
  auto copy = header;
  copy.checksum.fill(' ');
  const auto* bytes = reinterpret_cast<const unsigned char*>(&copy);
  unsigned sum = 0;
  for (std::size_t i = 0; i < block; ++i) sum += bytes[i];
  return sum;
}

TarHeader header_for(const std::string& path, std::uint64_t bytes) {
  TarHeader header{};
  AGENTCMD_CHECK(path.size() < header.name.size(), "'{}' is too long for a tar file", path);
  std::ranges::copy(path, header.name.begin());
  put_octal(header.mode, 0600);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_octal(header.size, bytes);
  put_octal(header.mtime, static_cast<std::uint64_t>(std::time(nullptr)));
  header.type = '0';
  std::ranges::copy(std::string_view("ustar\0"
                                     "00",
                                     8),
                    header.magic.begin());
  const auto sum = fmt::format("{:06o}", checksum_of(header));
  std::ranges::copy(sum, header.checksum.begin());
  header.checksum[6] = '\0';
  header.checksum[7] = ' ';
  return header;
}

class TarWriter final : public BackupWriter {
 public:
  explicit TarWriter(fs::path destination)
      : destination_(std::move(destination)),
        part_(destination_.native() + ".part"),
        out_(std::make_unique<OpenFile>(part_, O_WRONLY | O_CREAT | O_TRUNC)) {}
  ~TarWriter() override {
    if (!finished_) unlink(part_.c_str());
  }

  BackupFile add(const std::string& path, const fs::path& from) override {
    OpenFile in(from, O_RDONLY);
    const auto bytes = in.size();
    put_header(path, bytes);
    auto file =
        each_piece(path, in, bytes, [this](std::string_view text) { out_->write_all(text); });
    if (file.bytes != bytes) throw Fault(fmt::format("{} became shorter", from.native()));
    pad(bytes);
    return file;
  }
  BackupFile add_text(const std::string& path, std::string_view text) override {
    put_header(path, text.size());
    out_->write_all(text);
    pad(text.size());
    Sha256 hash;
    hash.add(text);
    return {.path = path, .bytes = text.size(), .sha256 = hash.hex()};
  }
  void finish() override {
    out_->write_all(std::string(2 * block, '\0'));
    out_->sync();
    rename_durably(part_, destination_);
    finished_ = true;
  }

 private:
  void put_header(const std::string& path, std::uint64_t bytes) {
    const auto header = header_for(path, bytes);
    out_->write_all({reinterpret_cast<const char*>(&header), block});
  }
  void pad(std::uint64_t bytes) {
    if (bytes % block != 0) out_->write_all(std::string(block - bytes % block, '\0'));
  }

  fs::path destination_;
  fs::path part_;
  std::unique_ptr<OpenFile> out_;
  bool finished_ = false;
};

auto incomplete(const fs::path& source, std::string_view why) {
  return fail(
      ErrorCode::failed_precondition,
      fmt::format("the backup {} cannot be used: {}. Take another one", source.native(), why));
}

auto no_backup(const fs::path& source, std::string_view why) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is no backup of agentcmd: {}", source.native(), why));
}

using Files = std::map<std::string, BackupFile>;

// One file of the backup, into its place.
BackupFile take_file(const std::string& path, OpenFile& in, std::uint64_t bytes,
                     const fs::path& folder) {
  const auto place = folder / path;
  fs::create_directories(place.parent_path());
  OpenFile out(place, O_WRONLY | O_CREAT | O_TRUNC);
  auto file = each_piece(path, in, bytes, [&](std::string_view text) { out.write_all(text); });
  out.sync();
  return file;
}

Result<Files> copy_folder(const fs::path& source, const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    if (entry.is_directory()) continue;
    const auto path = entry.path().lexically_relative(source).native();
    if (!is_backup_path(path)) return no_backup(source, fmt::format("'{}' is in it", path));
    OpenFile in(entry.path(), O_RDONLY);
    files[path] = take_file(path, in, in.size(), folder);
  }
  return files;
}

std::string name_in(const TarHeader& header) {
  const auto text = [](std::span<const char> field) {
    return std::string(field.data(), strnlen(field.data(), field.size()));
  };
  auto name = text(header.name);
  const auto prefix = std::memcmp(header.magic.data(), "ustar", 5) == 0 ? text(header.prefix) : "";
  if (!prefix.empty()) name = prefix + "/" + name;
  return name.starts_with("./") ? name.substr(2) : name;
}

bool skip(OpenFile& in, std::uint64_t bytes) {
  return each_piece("", in, bytes, [](std::string_view) {}).bytes == bytes;
}

Result<Files> copy_tar(const fs::path& source, const fs::path& folder) {
  OpenFile in(source, O_RDONLY);
  Files files;
  while (true) {
    TarHeader header{};
    const auto got = in.read_some({reinterpret_cast<char*>(&header), block});
    if (got < block && files.empty()) return no_backup(source, "it is no tar file");
    if (got < block) return incomplete(source, "it ends too early");
    if (header.name[0] == '\0') return files;
    if (get_number(header.checksum) != checksum_of(header)) {
      if (files.empty()) return no_backup(source, "it is no tar file (a packed one? unpack it)");
      return incomplete(source, "it is damaged");
    }
    const auto bytes = get_number(header.size);
    const auto padding = bytes % block == 0 ? 0 : block - bytes % block;
    const bool is_file = header.type == '0' || header.type == '\0';
    bool whole = false;
    if (is_file) {
      const auto path = name_in(header);
      if (!is_backup_path(path)) return no_backup(source, fmt::format("'{}' is in it", path));
      auto file = take_file(path, in, bytes, folder);
      whole = file.bytes == bytes;
      files[path] = std::move(file);
    } else if (std::string_view("5xg").contains(header.type)) {  // folders, and what others add
      whole = skip(in, bytes);
    } else {
      return no_backup(source, fmt::format("'{}' is no file", name_in(header)));
    }
    if (!whole || !skip(in, padding)) return incomplete(source, "it ends too early");
  }
}

Result<Json> check_manifest(const fs::path& source, const fs::path& folder, const Files& files) {
  if (!files.contains(std::string(manifest_path))) {
    return files.contains("database.db")
               ? Result<Json>(incomplete(source, "it has no manifest.json: it was cut off"))
               : Result<Json>(no_backup(source, "it has no manifest.json"));
  }
  std::string text;
  OpenFile in(folder / manifest_path, O_RDONLY);
  each_piece("", in, in.size(), [&](std::string_view piece) { text += piece; });
  auto manifest = parse_json(text, "manifest.json");
  if (!manifest || !manifest->is_object() || !manifest->contains("files")) {
    return incomplete(source, "its manifest.json is damaged");
  }
  if (int_or(*manifest, "format") != backup_format) {
    return incomplete(source, fmt::format("it was written by another agentcmd ({})",
                                          string_or(*manifest, "agentcmd")));
  }
  std::size_t found = 0;
  for (const auto& entry : (*manifest)["files"]) {
    const auto path = string_or(entry, "path");
    const auto file = files.find(path);
    if (file == files.end()) return incomplete(source, fmt::format("'{}' is missing", path));
    if (file->second.sha256 != string_or(entry, "sha256")) {
      return incomplete(source, fmt::format("'{}' is damaged", path));
    }
    ++found;
  }
  if (found + 1 != files.size()) return incomplete(source, "it has files that it does not list");
  return manifest;
}

}  // namespace

std::unique_ptr<BackupWriter> write_backup_folder(const fs::path& destination) {
  return std::make_unique<FolderWriter>(destination);
}

std::unique_ptr<BackupWriter> write_backup_tar(const fs::path& destination) {
  return std::make_unique<TarWriter>(destination);
}

bool is_backup_path(std::string_view path) {
  constexpr std::array plain{std::string_view("database.db"), manifest_path,
                             std::string_view("config.json"), std::string_view("credentials")};
  if (std::ranges::find(plain, path) != plain.end()) return true;
  const auto is_hex = [](std::string_view text, std::size_t length) {
    return text.size() == length &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  constexpr std::string_view blobs = "blobs/", bundles = "bundles/", json = ".json";
  constexpr std::size_t folder_digits = 2, name_digits = 62, hash_digits = 64;
  if (path.starts_with(blobs)) {
    path.remove_prefix(blobs.size());
    return path.size() > folder_digits && is_hex(path.substr(0, folder_digits), folder_digits) &&
           path[folder_digits] == '/' && is_hex(path.substr(folder_digits + 1), name_digits);
  }
  if (!path.starts_with(bundles) || !path.ends_with(json)) return false;
  path.remove_prefix(bundles.size());
  path.remove_suffix(json.size());
  return is_hex(path, hash_digits);
}

Result<Json> unpack_backup(const fs::path& source, const fs::path& folder) {
  std::error_code error;
  const bool is_folder = fs::is_directory(source, error);
  if (!is_folder && !fs::is_regular_file(source, error)) {
    return fail(ErrorCode::not_found, fmt::format("there is no backup {}", source.native()));
  }
  const auto files = is_folder ? copy_folder(source, folder) : copy_tar(source, folder);
  if (!files) return tl::unexpected(files.error());
  auto manifest = check_manifest(source, folder, *files);
  if (!manifest) return manifest;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(folder);
  return manifest;
}

}  // namespace agentcmd::store
