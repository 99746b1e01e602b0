#pragma once
// The text that `--args @FILE` names. A file, a pipe or a terminal is read to its end, which must
// come within limits::arguments_bytes_max; a device has no end and is refused. Blocks.

#include "base/result.h"

#include <filesystem>
#include <string>

namespace agentcmd::cli {

// `name` as it was typed, relative to `cwd`. not_found, permission_denied, invalid_argument (a
// folder, a device), resource_exhausted (too large); each names the file.
Result<std::string> read_arguments(const std::filesystem::path& cwd, const std::string& name);

// The same from an open descriptor, which stays the caller's.
Result<std::string> read_arguments(int fd, const std::string& name);

}  // namespace agentcmd::cli
