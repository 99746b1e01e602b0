#pragma once
// The table `requests`: one row in, one row out.

#include "store/connection.h"
#include "store/requests.h"

#include <cstdint>
#include <vector>

namespace agentcmd::store {

// Its id.
std::uint64_t insert_request(Connection& connection, const Request& request);
void mark_request_done(Connection& connection, std::uint64_t id);
std::vector<Request> select_pending(Connection& connection, const history::RunId& run);
std::vector<Request> select_all_pending(Connection& connection);

}  // namespace agentcmd::store
