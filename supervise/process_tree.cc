#include "process_tree.h"

#include "files.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

namespace supervise {
namespace {

void add_children(pid_t parent, std::vector<pid_t>& found) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  DIR* folder = ::opendir(tasks.c_str());
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    const std::string children = read_text(tasks + "/" + entry->d_name + "/children");
    const char* at = children.c_str();
    while (*at != '\0') {
      char* end = nullptr;
      const auto pid = static_cast<pid_t>(std::strtol(at, &end, 10));
      if (end == at) break;
      found.push_back(pid);
      at = *end == ' ' ? end + 1 : end;
    }
  }
  ::closedir(folder);
}

}  // namespace

std::vector<pid_t> descendants() {
  // Some trees grow as fast as they are walked; the callers come back.
  constexpr std::size_t found_max = 1 << 16;
  std::vector<pid_t> found;
  add_children(::getpid(), found);
  for (std::size_t next = 0; next < found.size() && found.size() < found_max; ++next) {
    add_children(found[next], found);
  }
  return found;
}

std::vector<pid_t> stop_descendants() {
  std::vector<pid_t> found = descendants();
  for (const pid_t pid : found) ::kill(pid, SIGSTOP);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace supervise
