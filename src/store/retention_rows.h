#pragma once
// Retention (retention.h) as SQL.

#include "store/connection.h"
#include "store/retention.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agentcmd::store {

std::vector<EndedRun> select_ended(Connection& connection, const std::string& project);
std::uint64_t history_bytes(Connection& connection, const history::RunId& run);

// Within a write transaction. Row numbers and run numbers of what is deleted are never given out
// again: the projections' cursor and other processes' memory count on that.
std::vector<Refusal> forget_runs(Connection& connection, const std::vector<history::RunId>& runs,
                                 Time at);

std::vector<Leftover> select_leftovers(Connection& connection);
void delete_leftovers(Connection& connection, const std::vector<history::RunId>& runs);

// Frees the unused pages of the file. Needs the home's commit lock, and no transaction.
std::uint64_t compact_database(Connection& connection);

}  // namespace agentcmd::store
