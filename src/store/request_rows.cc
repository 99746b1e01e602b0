#include "store/request_rows.h"

#include <soci/soci.h>

namespace agentcmd::store {

std::uint64_t insert_request(Connection& connection, const Request& request) {
  const auto at = static_cast<long long>(to_millis(request.at));
  auto& sql = connection.sql();
  sql << "INSERT INTO requests(run, kind, data, at) VALUES(:run, :kind, :data, :at)",
      soci::use(request.run.text), soci::use(request.kind), soci::use(request.data.text),
      soci::use(at);
  long long id = 0;
  sql << "SELECT last_insert_rowid()", soci::into(id);
  return static_cast<std::uint64_t>(id);
}

void mark_request_done(Connection& connection, std::uint64_t id) {
  const auto row = static_cast<long long>(id);
  connection.sql() << "UPDATE requests SET done = 1 WHERE id = :id", soci::use(row);
}

namespace {

// Executes a select of id, run, kind, data and at; `bound` has its variables.
std::vector<Request> fetch(soci::details::prepare_temp_type bound) {
  Request one;
  long long id = 0;
  long long at = 0;
  soci::statement select = (std::move(bound), soci::into(id), soci::into(one.run.text),
                            soci::into(one.kind), soci::into(one.data.text), soci::into(at));
  std::vector<Request> requests;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.id = static_cast<std::uint64_t>(id);
    one.at = from_millis(at);
    requests.push_back(one);
  }
  return requests;
}

}  // namespace

std::vector<Request> select_pending(Connection& connection, const history::RunId& run) {
  return fetch((connection.sql().prepare << "SELECT id, run, kind, data, at FROM requests WHERE "
                                            "run = :run AND done = 0 ORDER BY id",
                soci::use(run.text)));
}

std::vector<Request> select_all_pending(Connection& connection) {
  return fetch(connection.sql().prepare
               << "SELECT id, run, kind, data, at FROM requests WHERE done = 0 ORDER BY id");
}

}  // namespace agentcmd::store
