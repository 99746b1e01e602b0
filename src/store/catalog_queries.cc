#include "store/catalog_queries.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "store/projection_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <utility>

namespace agentcmd::store {
namespace {

// What a run has besides its projection.
struct JoinedColumns {
  std::string id, driver, request, request_blob, result, result_blob;
  long long term = 0;
  int at_gate = 0;
};

std::string select_from(std::string_view condition) {
  return fmt::format(
      "SELECT {}, head.id, head.driver, head.term, coalesce(created.payload, ''), "
      "coalesce(created.blob, ''), coalesce(result.payload, ''), coalesce(result.blob, ''), "
      "EXISTS(SELECT 1 FROM steps WHERE steps.run = runs.run AND steps.type = 'approve' AND "
      "steps.status = 'waiting') "
      "FROM runs JOIN (SELECT run AS head_run, id, driver, term FROM run_head) AS head "
      "ON head.head_run = runs.run "
      "LEFT JOIN (SELECT id AS event, payload, blob FROM history) AS created "
      "ON created.event = runs.created_event "
      "LEFT JOIN (SELECT id AS event, payload, blob FROM history) AS result "
      "ON result.event = runs.result_event {}",
      RunColumns::names, condition);
}

// A damaged blob must not hide the run; reading its history reports it.
JsonText payload(const Blobs& blobs, const std::string& text, const std::string& blob) {
  if (blob.empty()) return {text};
  try {
    return {blobs.get(blob)};
  } catch (const Fault& fault) {
    log::error("catalog.payload_unreadable", {{"error", fault.what()}});
    return {};
  }
}

// `statement` is select_from(...) with its variables bound.
std::vector<RunRow> fetch_runs(soci::details::prepare_temp_type statement, const Blobs& blobs) {
  RunColumns columns;
  JoinedColumns joined;
  soci::statement select =
      (into_columns(std::move(statement), columns), soci::into(joined.id),
       soci::into(joined.driver), soci::into(joined.term), soci::into(joined.request),
       soci::into(joined.request_blob), soci::into(joined.result), soci::into(joined.result_blob),
       soci::into(joined.at_gate));
  std::vector<RunRow> rows;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    auto row = columns.get().row;
    row.id = {joined.id};
    row.driver = joined.driver;
    row.at_gate = joined.at_gate != 0;
    row.term = static_cast<std::uint32_t>(joined.term);
    row.request = payload(blobs, joined.request, joined.request_blob);
    row.result = payload(blobs, joined.result, joined.result_blob);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string name_of(const RunRow& row) {
  return row.name.empty() ? row.id.text : fmt::format("{} ({})", row.id.text, row.name);
}

}  // namespace

std::vector<RunRow> select_runs(Connection& connection, const Blobs& blobs,
                                const RunFilter& filter) {
  const std::string status(filter.status ? to_string(*filter.status) : "");
  const auto limit = static_cast<long long>(filter.limit);
  // An empty text stands for no condition.
  return fetch_runs((connection.sql().prepare
                         << select_from("WHERE (:project = '' OR project = :project) "
                                        "AND (:status = '' OR status = :status) "
                                        "AND (:before = '' OR runs.run < "
                                        "(SELECT run FROM run_head WHERE run_head.id = :before)) "
                                        "ORDER BY runs.run DESC LIMIT :limit"),
                     soci::use(filter.project, "project"), soci::use(status, "status"),
                     soci::use(filter.before, "before"), soci::use(limit, "limit")),
                    blobs);
}

std::vector<RunRow> select_unfinished(Connection& connection, const Blobs& blobs) {
  return fetch_runs(
      connection.sql().prepare << select_from("WHERE ended_at IS NULL ORDER BY runs.run DESC"),
      blobs);
}

std::vector<RunRow> select_forks(Connection& connection, const Blobs& blobs,
                                 const history::RunId& run) {
  return fetch_runs(
      (connection.sql().prepare << select_from("WHERE runs.forked_from = :run ORDER BY runs.run"),
       soci::use(run.text)),
      blobs);
}

std::vector<RunRow> select_children(Connection& connection, const Blobs& blobs,
                                    const history::RunId& parent) {
  return fetch_runs(
      (connection.sql().prepare << select_from("WHERE runs.parent = :parent ORDER BY runs.run"),
       soci::use(parent.text)),
      blobs);
}

std::vector<LiveRun> select_live(Connection& connection, const std::string& project,
                                 const std::string& not_of) {
  LiveRun one;
  std::string status;
  long long term = 0;
  // An empty project stands for no condition.
  soci::statement select =
      (connection.sql().prepare
           << "SELECT head.id, runs.project, runs.status, head.driver, head.term FROM runs JOIN "
              "run_head AS head ON head.run = runs.run WHERE runs.ended_at IS NULL AND "
              "head.driver <> :driver AND (:project = '' OR runs.project = :project) "
              "ORDER BY runs.run",
       soci::use(not_of, "driver"), soci::use(project, "project"), soci::into(one.id.text),
       soci::into(one.project), soci::into(status), soci::into(one.driver), soci::into(term));
  std::vector<LiveRun> live;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.status = run_status_from(status);
    one.term = static_cast<std::uint32_t>(term);
    live.push_back(one);
  }
  return live;
}

std::vector<SleepingRun> select_sleeping(Connection& connection, const std::string& driver) {
  std::string id, project, events_seen, type, event;
  long long created_after = 0, due_at = 0, last = 0;
  soci::indicator due_set = soci::i_null;
  soci::statement select =
      (connection.sql().prepare
           << "SELECT head.id, runs.project, head.created_after, runs.events_seen, steps.type, "
              "steps.due_at, steps.event, coalesce(CASE WHEN steps.event <> '' THEN "
              "(SELECT max(sent.id) FROM project_events AS sent WHERE sent.project = runs.project "
              "AND sent.name = steps.event) END, 0) FROM runs JOIN run_head AS head ON "
              "head.run = runs.run JOIN steps ON steps.run = runs.run AND steps.status = 'waiting' "
              "WHERE runs.ended_at IS NULL AND runs.status = 'waiting' AND head.driver = :driver "
              "ORDER BY runs.run",
       soci::use(driver), soci::into(id), soci::into(project), soci::into(created_after),
       soci::into(events_seen), soci::into(type), soci::into(due_at, due_set), soci::into(event),
       soci::into(last));
  std::vector<SleepingRun> sleeping;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    if (sleeping.empty() || sleeping.back().id.text != id) {
      sleeping.push_back({.id = {id}, .project = project});
    }
    auto& run = sleeping.back();
    if (due_set == soci::i_ok && (!run.due_at || from_millis(due_at) < *run.due_at)) {
      run.due_at = from_millis(due_at);
    }
    run.has_children |= type == "invoke";
    if (event.empty()) continue;
    const auto seen_ids = event_ids_from(events_seen);
    const auto seen = seen_ids.find(event);
    run.waits.push_back({.event = event,
                         .seen = std::max(static_cast<std::uint64_t>(created_after),
                                          seen == seen_ids.end() ? std::uint64_t{0} : seen->second),
                         .last = static_cast<std::uint64_t>(last)});
  }
  return sleeping;
}

std::vector<DrivenRun> select_driven(Connection& connection) {
  constexpr std::size_t rows_at_once = 1000;
  std::vector<std::string> ids(rows_at_once), drivers(rows_at_once);
  soci::statement select =
      (connection.sql().prepare
           << "SELECT head.id, head.driver FROM runs JOIN run_head AS head ON head.run = runs.run "
              "WHERE runs.ended_at IS NULL AND runs.paused = 0 AND NOT (runs.status = 'waiting' "
              "AND EXISTS (SELECT 1 FROM steps WHERE steps.run = runs.run AND steps.type = "
              "'approve' AND steps.status = 'waiting')) ORDER BY runs.run DESC",
       soci::into(ids), soci::into(drivers));
  std::vector<DrivenRun> runs;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      runs.push_back({.id = {std::move(ids[i])}, .driver = std::move(drivers[i])});
    }
    ids.resize(rows_at_once);
    drivers.resize(rows_at_once);
  }
  return runs;
}

Result<RunRow> select_run(Connection& connection, const Blobs& blobs,
                          const std::string& id_or_prefix) {
  constexpr std::size_t candidates_shown = 5;
  const long long limit = candidates_shown + 1;
  // The last character of Unicode bounds the ids that begin so, for the index.
  const auto after = id_or_prefix + "\U0010FFFF";
  auto rows = id_or_prefix.empty()
                  ? std::vector<RunRow>()
                  : fetch_runs((connection.sql().prepare
                                    << select_from("WHERE head.id >= :prefix AND head.id < :after "
                                                   "ORDER BY head.id LIMIT :limit"),
                                soci::use(id_or_prefix, "prefix"), soci::use(after, "after"),
                                soci::use(limit, "limit")),
                               blobs);
  if (rows.empty()) {
    return fail(ErrorCode::not_found,
                fmt::format("no run '{}'. 'agentcmd runs list' shows them", id_or_prefix));
  }
  if (rows.size() == 1 || rows.front().id.text == id_or_prefix) return std::move(rows.front());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows.size() && i < candidates_shown; ++i) {
    names.push_back(name_of(rows[i]));
  }
  if (rows.size() > candidates_shown) names.emplace_back("…");
  return fail(ErrorCode::invalid_argument,
              fmt::format("several runs begin with '{}': {}. Type more of the id", id_or_prefix,
                          join(names, ", ")));
}

std::vector<StepRow> select_steps(Connection& connection, const history::RunId& run) {
  StepColumns columns;
  soci::statement select =
      into_columns((connection.sql().prepare << fmt::format(
                        "SELECT {} FROM steps WHERE run = (SELECT run FROM run_head WHERE id = "
                        ":id) ORDER BY position",
                        StepColumns::names),
                    soci::use(run.text)),
                   columns);
  std::vector<StepRow> rows;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    rows.push_back(columns.get().row);
  }
  return rows;
}

}  // namespace agentcmd::store
