#include "support/processes.h"

#include <fmt/format.h>

#include <fstream>

namespace agentcmd::test {

pid_t child_named(pid_t parent, std::string_view name) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", parent));
  pid_t child = 0;
  while (children >> child) {
    std::ifstream comm(fmt::format("/proc/{}/comm", child));
    std::string text;
    if (std::getline(comm, text) && text == name.substr(0, 15)) return child;
  }
  return 0;
}

pid_t supervisor_of(const Sandbox& sandbox, const std::string& run, const std::string& step_folder,
                    int attempt) {
  std::ifstream claim(sandbox.project / ".agent/workflows/executions" / run / "logs" / step_folder /
                      std::to_string(attempt) / "claim");
  std::string word;
  pid_t pid = 0;
  return claim >> word >> pid && word == "supervisor" ? pid : 0;
}

}  // namespace agentcmd::test
