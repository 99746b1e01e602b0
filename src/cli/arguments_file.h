#pragma once
// The text that `--args @FILE` and the like name. A file, a pipe or a terminal is read to its end,
// which must come within limits::arguments_bytes_max; a device has no end and is refused. Blocks.

#include "base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace agentcmd::cli {

// Which file, in the words of the user.
struct NamedFile {
  std::string_view flag;  // "--args"
  std::string name;       // as it was typed
};

// Relative to `cwd`. not_found, permission_denied, invalid_argument (a folder, a device),
// resource_exhausted (too large); each names the flag and the file.
Result<std::string> read_arguments(const std::filesystem::path& cwd, const NamedFile& file);

// The same from an open descriptor, which stays the caller's.
Result<std::string> read_arguments(int fd, const NamedFile& file);

// What was typed: itself, or where it is @FILE the content of that, and of stdin where it is @-.
Result<std::string> text_or_file(std::string_view flag, const std::string& typed,
                                 const std::filesystem::path& cwd);

}  // namespace agentcmd::cli
