#pragma once
// AGENTCMD_HOME: where everything is that does not belong to a project.

#include <filesystem>

namespace agentcmd::store {

struct Home {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.json"; }
  std::filesystem::path database() const { return root / "database.db"; }
  std::filesystem::path blobs() const { return root / "blobs"; }
  std::filesystem::path bundles() const { return root / "bundles"; }
  std::filesystem::path drivers() const { return root / "drivers"; }
  std::filesystem::path logs() const { return root / "logs"; }
};

// Creates the folders (0700). Throws Fault where that is not possible, with the way out
// (AGENTCMD_HOME).
void prepare(const Home& home);

}  // namespace agentcmd::store
