#include "app/libexec.h"

#include <system_error>

namespace agentcmd::app {
namespace fs = std::filesystem;

fs::path find_libexec(const Environment& environment) {
  if (const auto named = environment("AGENTCMD_LIBEXEC"); named && !named->empty()) {
    return fs::absolute(*named);
  }
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  return program.parent_path().parent_path() / "libexec" / "agentcmd";
}

}  // namespace agentcmd::app
