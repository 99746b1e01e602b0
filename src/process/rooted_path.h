#pragma once
// Paths that must not leave a folder are resolved by the kernel (openat2 with RESOLVE_BENEATH),
// never by comparing strings: "..", absolute paths and symbolic links out of the root are refused.

#include "base/result.h"
#include "process/unique_fd.h"

#include <filesystem>
#include <string_view>

namespace agentcmd::process {

// Opens `relative` beneath `root` with open(2) flags (O_CLOEXEC is added). permission_denied when
// it would leave the root or the file system refuses, not_found, already_exists (O_EXCL),
// invalid_argument (empty, too long, a folder where a file is meant); other failures are Faults.
Result<UniqueFd> open_beneath(const std::filesystem::path& root,
                              const std::filesystem::path& relative, int flags,
                              unsigned mode = 0644);

// Writes the file so that after a crash it is there whole or not at all: temporary file, fsync,
// rename, fsync of the folder. Creates missing folders of `relative`; a file that is replaced keeps
// its mode, a symbolic link is replaced and not followed. Same errors as open_beneath.
Result<void> write_file_beneath(const std::filesystem::path& root,
                                const std::filesystem::path& relative, std::string_view content);

}  // namespace agentcmd::process
