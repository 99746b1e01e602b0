#include "store/home.h"

#include "base/fault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& folder, std::string_view why) {
  throw Fault(fmt::format(
      "agentcmd keeps its data in {}, which cannot be used: {}. Set AGENTCMD_HOME to a folder "
      "that you can write to. Of this one, agentcmd doctor and backup can still be had",
      folder.native(), why));
}

[[noreturn]] void refuse_to_make(const fs::path& folder, std::string_view why) {
  throw Fault(fmt::format(
      "agentcmd keeps its data in {}, which is not there and cannot be made: {}. Set AGENTCMD_HOME "
      "to a folder that you can write to",
      folder.native(), why));
}

// Also the parents, which keep the user's own permissions.
void make_folder(const fs::path& folder) {
  std::error_code failed;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failed);
  if (failed) refuse_to_make(folder, failed.message());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    refuse_to_make(folder, std::strerror(errno));
  }
  if (!fs::is_directory(folder, failed)) refuse(folder, "it is no folder");
}

}  // namespace

void prepare(const Home& home) {
  const std::array folders{home.root, home.blobs(), home.bundles(), home.drivers(), home.logs()};
  for (const auto& folder : folders) make_folder(folder);
  if (faccessat(AT_FDCWD, home.root.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    refuse(home.root, std::strerror(errno));
  }
}

}  // namespace agentcmd::store
