#pragma once
// Blobs and bundles that nothing refers to. Every column of the database that is called `blob`
// holds names of blobs, also those of tables that this file does not know.

#include "store/connection.h"
#include "store/content_lock.h"
#include "store/retention.h"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::store {

struct ContentFile {
  std::string name;  // of the blob or the bundle: its hash
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

// `parts`: what writers that were killed have left behind.
struct ContentFiles {
  std::vector<ContentFile> blobs;
  std::vector<ContentFile> bundles;
  std::vector<ContentFile> parts;
};
ContentFiles list_content(const Home& home);

struct References {
  std::set<std::string> blobs;
  std::set<std::string> bundles;
};
// Of all runs but these.
References references_without(Connection& connection, const std::vector<history::RunId>& runs);

Garbage garbage_without(Connection& connection, const Home& home,
                        const std::vector<history::RunId>& runs);
Garbage sweep_garbage(Connection& connection, const Home& home);

}  // namespace agentcmd::store
