#pragma once
// Paths that must not leave a folder are resolved by the kernel (openat2 with RESOLVE_BENEATH),
// never by comparing strings: "..", absolute paths and symbolic links out of the root are refused.

#include "base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace agentcmd::process {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// Opens `relative` beneath `root` with open(2) flags (O_CLOEXEC is added). permission_denied when
// it would leave the root, not_found, invalid_argument; other failures are Faults.
Result<UniqueFd> open_beneath(const std::filesystem::path& root,
                              const std::filesystem::path& relative, int flags,
                              unsigned mode = 0644);

// Writes the file so that after a crash it is there whole or not at all: temporary file, fsync,
// rename, fsync of the folder. Creates missing folders of `relative`. Same errors as open_beneath.
Result<void> write_file_beneath(const std::filesystem::path& root,
                                const std::filesystem::path& relative, std::string_view content);

}  // namespace agentcmd::process
