#pragma once
// The questions of Catalog, as SQL over the projections.

#include "store/blobs.h"
#include "store/catalog.h"
#include "store/connection.h"

#include <string>
#include <vector>

namespace agentcmd::store {

std::vector<RunRow> select_runs(Connection& connection, const Blobs& blobs,
                                const RunFilter& filter);
std::vector<RunRow> select_unfinished(Connection& connection, const Blobs& blobs);
std::vector<DrivenRun> select_driven(Connection& connection);
Result<RunRow> select_run(Connection& connection, const Blobs& blobs,
                          const std::string& id_or_prefix);
std::vector<RunRow> select_forks(Connection& connection, const Blobs& blobs,
                                 const history::RunId& run);
std::vector<RunRow> select_children(Connection& connection, const Blobs& blobs,
                                    const history::RunId& parent);
std::vector<LiveRun> select_live(Connection& connection, const std::string& project,
                                 const std::string& not_of);
std::vector<SleepingRun> select_sleeping(Connection& connection, const std::string& driver);
std::vector<StepRow> select_steps(Connection& connection, const history::RunId& run);

}  // namespace agentcmd::store
