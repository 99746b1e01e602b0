#pragma once
// The schema, as numbered steps. Each runs in a transaction of its own, after a backup of the file
// where there is something to lose.

#include "store/connection.h"

#include <span>
#include <string_view>

namespace agentcmd::store {

struct Migration {
  int version;
  std::span<const std::string_view> statements;
};

// All of them, in order; the last version is the one that this program reads and writes.
std::span<const Migration> migrations();

// Brings the database to the last of `steps`. Throws Fault for a database of a later version, or
// one that is not agentcmd's.
void migrate(Connection& connection, const Home& home, std::span<const Migration> steps);

}  // namespace agentcmd::store
