#include "store/place_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <utility>

namespace agentcmd::store {
namespace {

// A run that was created in the same transaction has no head yet.
constexpr std::string_view from_places =
    "SELECT p.position, p.run, p.project, p.definition, p.parent, p.flow, p.at, "
    "coalesce(h.driver, p.driver), p.holder, coalesce(r.status, 'queued'), "
    "r.started_at IS NOT NULL "
    "FROM places AS p LEFT JOIN run_head AS h ON h.id = p.run LEFT JOIN runs AS r ON r.run = h.run";

struct PlaceColumns {
  Place row;
  long long order = 0, at = 0;
  int begun = 0;
  std::string status;

  Place get() const {
    Place place = row;
    place.order = static_cast<std::uint64_t>(order);
    place.created_at = from_millis(at);
    place.begun = begun != 0;
    for (int i = 0; i <= static_cast<int>(RunStatus::cancelled); ++i) {
      if (to_string(static_cast<RunStatus>(i)) == status) place.status = static_cast<RunStatus>(i);
    }
    return place;
  }
};

soci::details::prepare_temp_type into(soci::details::prepare_temp_type statement,
                                      PlaceColumns& columns) {
  auto& row = columns.row;
  return (std::move(statement), soci::into(columns.order), soci::into(row.run.text),
          soci::into(row.project), soci::into(row.definition), soci::into(row.parent),
          soci::into(row.flow), soci::into(columns.at), soci::into(row.owner),
          soci::into(row.holder), soci::into(columns.status), soci::into(columns.begun));
}

std::map<std::string, std::uint64_t> select_turns(Connection& connection) {
  std::map<std::string, std::uint64_t> turns;
  std::string project;
  long long served = 0;
  soci::statement select = (connection.sql().prepare << "SELECT project, served FROM project_turns",
                            soci::into(project), soci::into(served));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    turns[project] = static_cast<std::uint64_t>(served);
  }
  return turns;
}

}  // namespace

std::vector<NewPlace> new_places(const std::vector<RunAppend>& parts) {
  std::vector<NewPlace> places;
  for (const auto& part : parts) {
    if (part.events.empty()) continue;
    const auto* created = std::get_if<history::RunCreated>(&part.events.front().detail);
    if (created == nullptr) continue;
    NewPlace place{.run = part.run,
                   .created = {.definition = created->definition,
                               .project = created->project,
                               .parent = created->parent,
                               .flow = created->flow},
                   .driver = part.owner.driver,
                   .at = part.events.front().at};
    places.push_back(std::move(place));
  }
  return places;
}

void insert_place(Connection& connection, const NewPlace& place) {
  const auto at = static_cast<long long>(to_millis(place.at));
  const auto& created = place.created;
  connection.sql() << "INSERT INTO places(run, project, definition, parent, flow, driver, holder, "
                      "at) VALUES(:run, :project, :definition, :parent, :flow, :driver, '', :at)",
      soci::use(place.run.text), soci::use(created.project), soci::use(created.definition),
      soci::use(created.parent), soci::use(created.flow), soci::use(place.driver), soci::use(at);
}

void delete_place(Connection& connection, const history::RunId& run) {
  connection.sql() << "DELETE FROM places WHERE run = :run", soci::use(run.text);
}

PlaceTable select_places(Connection& connection) {
  PlaceTable table{.places = {}, .served = select_turns(connection)};
  PlaceColumns columns;
  const auto query = fmt::format(
      "{} WHERE NOT (p.flow = '' AND coalesce(r.status, '') IN ('waiting', 'paused')) "
      "ORDER BY p.position",
      from_places);
  soci::statement select = into(connection.sql().prepare << query, columns);
  for (bool more = select.execute(true); more; more = select.fetch()) {
    table.places.push_back(columns.get());
  }
  return table;
}

std::optional<Place> select_place(Connection& connection, const history::RunId& run) {
  PlaceColumns columns;
  const auto query = fmt::format("{} WHERE p.run = :run", from_places);
  soci::statement select = into((connection.sql().prepare << query, soci::use(run.text)), columns);
  if (!select_one(select)) return std::nullopt;
  return columns.get();
}

std::vector<std::string> select_waiting_owners(Connection& connection) {
  std::vector<std::string> owners;
  std::string owner;
  soci::statement select =
      (connection.sql().prepare << "SELECT DISTINCT coalesce(h.driver, p.driver) FROM places AS p "
                                   "LEFT JOIN run_head AS h ON h.id = p.run WHERE p.holder = ''",
       soci::into(owner));
  for (bool more = select.execute(true); more; more = select.fetch()) owners.push_back(owner);
  return owners;
}

void hold_places(Connection& connection, const PlaceTable& table,
                 const std::vector<history::RunId>& runs) {
  long long served = 0;
  for (const auto& [project, last] : table.served) {
    served = std::max(served, static_cast<long long>(last));
  }
  for (const auto& run : runs) {
    const auto place = std::ranges::find(table.places, run, &Place::run);
    if (place == table.places.end()) continue;
    ++served;
    connection.sql() << "UPDATE places SET holder = :owner WHERE run = :run",
        soci::use(place->owner), soci::use(run.text);
    connection.sql() << "INSERT OR REPLACE INTO project_turns(project, served) VALUES(:project, "
                        ":served)",
        soci::use(place->project), soci::use(served);
  }
}

void ask_for_place(Connection& connection, const history::RunId& run) {
  connection.sql() << "UPDATE places SET holder = '' WHERE run = :run", soci::use(run.text);
}

void give_back_place(Connection& connection, const history::RunId& run, const std::string& driver) {
  connection.sql() << "UPDATE places SET holder = '-' WHERE run = :run AND holder = :driver",
      soci::use(run.text), soci::use(driver);
}

std::optional<CauseRow> select_cause(Connection& connection, const std::string& project,
                                     const std::string& definition, const std::string& cause) {
  CauseRow row{.project = project, .definition = definition, .cause = cause};
  long long at = 0;
  soci::statement select =
      (connection.sql().prepare << "SELECT run, message, at FROM starts WHERE project = :project "
                                   "AND definition = :definition AND cause = :cause",
       soci::use(project), soci::use(definition), soci::use(cause), soci::into(row.run),
       soci::into(row.message), soci::into(at));
  if (!select_one(select)) return std::nullopt;
  row.at = from_millis(at);
  return row;
}

void put_cause(Connection& connection, const CauseRow& row) {
  const auto at = static_cast<long long>(to_millis(row.at));
  connection.sql() << "INSERT OR REPLACE INTO starts(project, definition, cause, run, message, at) "
                      "VALUES(:project, :definition, :cause, :run, :message, :at)",
      soci::use(row.project), soci::use(row.definition), soci::use(row.cause), soci::use(row.run),
      soci::use(row.message), soci::use(at);
}

bool exists_run(Connection& connection, const std::string& run) {
  long long count = 0;
  connection.sql() << "SELECT count(*) FROM run_head WHERE id = :run", soci::use(run),
      soci::into(count);
  return count > 0;
}

}  // namespace agentcmd::store
