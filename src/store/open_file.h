#pragma once
// A file of the home while it is read or written. Every failure is a Fault that names the path.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace agentcmd::store {

class OpenFile {
 public:
  // `flags` as for open(2), to which O_CLOEXEC is added; a new file is its owner's alone.
  OpenFile(std::filesystem::path path, int flags);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Fewer bytes than `into` has only at the end.
  std::size_t read_some(std::span<char> into);
  void write_all(std::string_view bytes);
  void sync();
  std::uint64_t size() const;

 private:
  std::filesystem::path path_;
  int fd_;
};

// Of a folder: the names in it are on the disk.
void sync_folder(const std::filesystem::path& folder);

}  // namespace agentcmd::store
