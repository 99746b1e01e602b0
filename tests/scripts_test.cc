// The scripts are what a newcomer meets first.

#include "tests/source_tree.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace agentcmd::tests {
namespace {

namespace fs = std::filesystem;

const fs::path root = AGENTCMD_SOURCE_DIR;

std::vector<fs::path> scripts() {
  std::vector<fs::path> found = {root / ".ci/run"};
  for (const auto& entry : fs::directory_iterator(root / "scripts"))
    if (entry.is_regular_file()) found.push_back(entry.path());
  return found;
}

TEST(Scripts, StartWithBashAndStopAtUnsetNames) {
  for (const auto& script : scripts()) {
    const auto text = read_text(script.string());
    EXPECT_TRUE(text.starts_with("#!/usr/bin/env bash\n")) << script;
    EXPECT_TRUE(text.contains("\nset -euo pipefail\n") || text.contains("\nset -uo pipefail\n"))
        << script;
  }
}

TEST(Scripts, AreExecutable) {
  for (const auto& script : scripts()) {
    if (script.filename() == "run") continue;
    EXPECT_NE(fs::status(script).permissions() & fs::perms::owner_exec, fs::perms::none) << script;
  }
}

TEST(Makefile, HelpNamesEveryTarget) {
  const auto text = read_text((root / "Makefile").string());
  for (const char* target : {"release", "demo", "test", "check", "bench", "asan", "tsan", "install",
                             "format", "lint", "clean", "help"}) {
    const auto at = text.find("\n" + std::string(target) + ":");
    ASSERT_NE(at, std::string::npos) << target;
    EXPECT_NE(text.substr(at + 1, text.find('\n', at + 1) - at).find("## "), std::string::npos)
        << target << " has no line for make help";
  }
}

}  // namespace
}  // namespace agentcmd::tests
