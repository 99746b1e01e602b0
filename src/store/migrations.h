#pragma once
// The schema, as numbered steps. Each runs in a transaction of its own, after a backup of the file
// where there is something to lose.

#include "store/connection.h"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace agentcmd::store {

struct Migration {
  int version;
  std::span<const std::string_view> statements;
};

// All of them, in order; the last version is the one that this program reads and writes.
std::span<const Migration> migrations();

// 0: an empty one. Throws Fault for one that is not agentcmd's.
struct SchemaVersion {
  int number = 0;
  std::string written_by;  // the agentcmd that made it so
};
SchemaVersion schema_version(Connection& connection);

// What this program cannot read, in words; empty for what it can.
std::string newer_than_ours(const std::filesystem::path& file, const SchemaVersion& version);

// Brings the database to the last of `steps`. Throws Fault for a database of a later version, or
// one that is not agentcmd's.
void migrate(Connection& connection, const Home& home, std::span<const Migration> steps);

}  // namespace agentcmd::store
