#include "store/retention_rows.h"

#include "base/json.h"
#include "base/limits.h"
#include "store/projection_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace agentcmd::store {
namespace {

// A row of the table `history` that belongs to no run. It stands where the last row was deleted, so
// that the next row gets a number that no row had before.
constexpr long long mark_run = 0;

// What unfinished runs need: by id, why.
using Needs = std::map<std::string, std::string>;

Json fields_of_creation(const std::string& fields) {
  return parse_trusted(fields, "RunCreated");
}

Needs needs_of_unfinished(Connection& connection) {
  std::string id;
  std::string fields;
  soci::statement select =
      (connection.sql().prepare << "SELECT head.id, created.fields FROM run_head AS head JOIN "
                                   "history AS created ON created.run = head.run AND created.seq = "
                                   "1 WHERE head.ended = 0",
       soci::into(id), soci::into(fields));
  Needs needs;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    const auto created = fields_of_creation(fields);
    if (const auto parent = string_or(created, "parent"); !parent.empty()) {
      needs.emplace(parent, fmt::format("its child {} has not ended", id));
    }
    if (const auto origin = string_or(created, "forked_from"); !origin.empty()) {
      needs.emplace(origin, fmt::format("{}, which was made from it, has not ended", id));
    }
  }
  return needs;
}

struct Candidate {
  long long number = 0;
  std::uint64_t seq = 0;
  bool ended = false;
  std::string created;  // fields of RunCreated
};

std::optional<Candidate> find_candidate(Connection& connection, const history::RunId& run) {
  Candidate found;
  long long seq = 0;
  int ended = 0;
  auto& sql = connection.sql();
  sql << "SELECT head.run, head.seq, head.ended, coalesce(created.fields, '{}') FROM run_head AS "
         "head LEFT JOIN history AS created ON created.run = head.run AND created.seq = 1 WHERE "
         "head.id = :id",
      soci::use(run.text), soci::into(found.number), soci::into(seq), soci::into(ended),
      soci::into(found.created);
  if (!sql.got_data()) return std::nullopt;
  found.seq = static_cast<std::uint64_t>(seq);
  found.ended = ended != 0;
  return found;
}

// A child's result is read by its parent.
std::string need_of_parent(Connection& connection, const std::string& created) {
  const auto parent = string_or(fields_of_creation(created), "parent");
  if (parent.empty()) return {};
  int live = 0;
  connection.sql() << "SELECT count(*) FROM run_head WHERE id = :id AND ended = 0",
      soci::use(parent), soci::into(live);
  return live == 0 ? "" : fmt::format("its parent {} has not ended", parent);
}

std::string need_of(Connection& connection, const Needs& needs, const history::RunId& run,
                    const std::string& created) {
  const auto known = needs.find(run.text);
  return known != needs.end() ? known->second : need_of_parent(connection, created);
}

// Events that the projections have not seen would bring the run back into them.
bool is_projected(Connection& connection, const Candidate& run) {
  long long events = -1;
  connection.sql() << "SELECT events FROM runs WHERE run = :run", soci::use(run.number),
      soci::into(events);
  return connection.sql().got_data() && static_cast<std::uint64_t>(events) == run.seq;
}

std::string reason_to_stay(Connection& connection, const Needs& needs, const history::RunId& id,
                           const Candidate& run) {
  if (!run.ended) return "it has not ended";
  if (auto need = need_of(connection, needs, id, run.created); !need.empty()) return need;
  if (!is_projected(connection, run)) return "its history is being read anew; try again";
  return {};
}

void forget_run(Connection& connection, const history::RunId& id, const Candidate& run, Time at) {
  auto& sql = connection.sql();
  const auto millis = static_cast<long long>(to_millis(at));
  sql << "INSERT OR REPLACE INTO leftovers(run, project, at) SELECT :id, project, :at FROM runs "
         "WHERE run = :run",
      soci::use(id.text), soci::use(millis), soci::use(run.number);
  for (const auto* table : {"history", "runs", "steps", "run_head"}) {
    sql << fmt::format("DELETE FROM {} WHERE run = :run", table), soci::use(run.number);
  }
  sql << "DELETE FROM requests WHERE run = :id", soci::use(id.text);
  sql << "UPDATE last_forgotten SET run = :run WHERE run < :run2", soci::use(run.number),
      soci::use(run.number);
}

}  // namespace

std::vector<EndedRun> select_ended(Connection& connection, const std::string& project) {
  const auto needs = needs_of_unfinished(connection);
  EndedRun one;
  std::string status;
  std::string created;
  long long created_at = 0;
  long long ended_at = 0;
  std::vector<std::pair<EndedRun, std::string>> found;
  {
    soci::statement select =
        (connection.sql().prepare
             << "SELECT head.id, runs.project, runs.definition, runs.name, runs.status, "
                "runs.created_at, runs.ended_at, coalesce(created.fields, '{}') FROM runs JOIN "
                "run_head AS head ON head.run = runs.run LEFT JOIN history AS created ON "
                "created.id = runs.created_event WHERE runs.ended_at IS NOT NULL AND (:project = "
                "'' OR runs.project = :project) ORDER BY runs.run DESC",
         soci::use(project, "project"), soci::into(one.id.text), soci::into(one.project),
         soci::into(one.definition), soci::into(one.name), soci::into(status),
         soci::into(created_at), soci::into(ended_at), soci::into(created));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      one.status = run_status_from(status);
      one.created_at = from_millis(created_at);
      one.ended_at = from_millis(ended_at);
      found.emplace_back(one, created);
    }
  }
  std::vector<EndedRun> runs;
  runs.reserve(found.size());
  for (auto& [run, fields] : found) {
    run.needed = need_of(connection, needs, run.id, fields);
    runs.push_back(std::move(run));
  }
  return runs;
}

std::uint64_t history_bytes(Connection& connection, const history::RunId& run) {
  long long bytes = 0;
  connection.sql() << "SELECT coalesce(sum(length(fields) + coalesce(length(payload), 0) + "
                      "length(kind) + 32), 0) FROM history WHERE run = (SELECT run FROM run_head "
                      "WHERE id = :id)",
      soci::use(run.text), soci::into(bytes);
  return static_cast<std::uint64_t>(bytes);
}

std::vector<Refusal> forget_runs(Connection& connection, const std::vector<history::RunId>& runs,
                                 Time at) {
  auto& sql = connection.sql();
  const auto needs = needs_of_unfinished(connection);
  long long last = 0;
  sql << "SELECT coalesce(max(id), 0) FROM history", soci::into(last);
  std::vector<Refusal> refused;
  for (const auto& id : runs) {
    const auto run = find_candidate(connection, id);
    if (!run) continue;
    auto why = reason_to_stay(connection, needs, id, *run);
    if (why.empty()) {
      forget_run(connection, id, *run, at);
    } else {
      refused.push_back({.run = id, .why = std::move(why)});
    }
  }
  sql << "INSERT OR REPLACE INTO history(id, run, seq, kind, at, flags, fields) SELECT :last, "
         ":mark, 0, '', 0, 0, '{}' WHERE :last2 > 0 AND NOT EXISTS (SELECT 1 FROM history WHERE id "
         "= :last3)",
      soci::use(last), soci::use(mark_run), soci::use(last), soci::use(last);
  return refused;
}

std::vector<Leftover> select_leftovers(Connection& connection) {
  Leftover one;
  soci::statement select = (connection.sql().prepare << "SELECT run, project FROM leftovers "
                                                        "ORDER BY at, run",
                            soci::into(one.run.text), soci::into(one.project));
  std::vector<Leftover> all;
  for (bool more = select.execute(true); more; more = select.fetch()) all.push_back(one);
  return all;
}

void delete_leftovers(Connection& connection, const std::vector<history::RunId>& runs) {
  for (const auto& run : runs) {
    connection.sql() << "DELETE FROM leftovers WHERE run = :run", soci::use(run.text);
  }
}

std::uint64_t compact_database(Connection& connection) {
  auto& sql = connection.sql();
  long long pages = 0;
  long long unused = 0;
  long long page_bytes = 0;
  sql << "PRAGMA page_count", soci::into(pages);
  sql << "PRAGMA freelist_count", soci::into(unused);
  sql << "PRAGMA page_size", soci::into(page_bytes);
  const auto bytes = static_cast<std::uint64_t>(unused * page_bytes);
  constexpr int worthwhile_part = 4;
  if (bytes < limits::compact_bytes_min || unused * worthwhile_part < pages) return 0;
  sql << "VACUUM";
  int busy = 0;
  int in_log = 0;
  int moved = 0;
  sql << "PRAGMA wal_checkpoint(TRUNCATE)", soci::into(busy), soci::into(in_log), soci::into(moved);
  return bytes;
}

}  // namespace agentcmd::store
