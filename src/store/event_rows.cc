#include "store/event_rows.h"

#include "base/limits.h"

#include <soci/soci.h>

#include <algorithm>
#include <utility>

namespace agentcmd::store {
namespace {

constexpr std::string_view columns =
    "id, project, name, data, coalesce(blob, ''), sent_at, source, coalesce(once, '')";

// Executes a select of `columns`; `bound` has its variables.
std::vector<ProjectEvent> fetch(soci::details::prepare_temp_type bound, const Blobs& blobs) {
  ProjectEvent one;
  std::string blob;
  long long id = 0;
  long long sent_at = 0;
  soci::statement select = (std::move(bound), soci::into(id), soci::into(one.project),
                            soci::into(one.name), soci::into(one.data.text), soci::into(blob),
                            soci::into(sent_at), soci::into(one.source), soci::into(one.once));
  std::vector<ProjectEvent> events;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.id = static_cast<std::uint64_t>(id);
    one.sent_at = from_millis(sent_at);
    events.push_back(one);
    if (!blob.empty()) events.back().data.text = blobs.get(blob);
  }
  return events;
}

std::uint64_t id_of_once(soci::session& sql, const std::string& once) {
  long long id = 0;
  sql << "SELECT id FROM project_events WHERE once = :once", soci::use(once), soci::into(id);
  return sql.got_data() ? static_cast<std::uint64_t>(id) : 0;
}

}  // namespace

EncodedProjectEvent encode(ProjectEvent event, const Blobs& blobs) {
  EncodedProjectEvent encoded{.event = std::move(event)};
  auto& data = encoded.event.data.text;
  if (data.size() > limits::inline_payload_max) encoded.blob = blobs.put(std::exchange(data, {}));
  return encoded;
}

std::uint64_t insert_event(Connection& connection, const EncodedProjectEvent& encoded) {
  auto& sql = connection.sql();
  const auto& event = encoded.event;
  if (!event.once.empty()) {
    if (const auto known = id_of_once(sql, event.once); known != 0) return known;
  }
  const auto sent_at = static_cast<long long>(to_millis(event.sent_at));
  const auto set = [](const std::string& text) { return text.empty() ? soci::i_null : soci::i_ok; };
  auto blob_set = set(encoded.blob);
  auto once_set = set(event.once);
  sql << "INSERT INTO project_events(project, name, data, blob, sent_at, source, once) "
         "VALUES(:project, :name, :data, :blob, :sent_at, :source, :once)",
      soci::use(event.project), soci::use(event.name), soci::use(event.data.text),
      soci::use(encoded.blob, blob_set), soci::use(sent_at), soci::use(event.source),
      soci::use(event.once, once_set);
  long long id = 0;
  sql << "SELECT last_insert_rowid()", soci::into(id);
  return static_cast<std::uint64_t>(id);
}

std::vector<ProjectEvent> select_events_of_run(Connection& connection, const Blobs& blobs,
                                               const history::RunId& run,
                                               const std::string& project,
                                               const std::map<std::string, std::uint64_t>& after,
                                               std::size_t limit) {
  auto& sql = connection.sql();
  const ReadTransaction one_state(connection);
  long long created_after = 0;
  sql << "SELECT created_after FROM run_head WHERE id = :run", soci::use(run.text),
      soci::into(created_after);
  if (!sql.got_data()) return {};
  const auto most = static_cast<long long>(limit);
  std::vector<ProjectEvent> events;
  for (const auto& [name, seen] : after) {
    const auto from = std::max(created_after, static_cast<long long>(seen));
    auto found = fetch((sql.prepare << std::string("SELECT ").append(columns).append(
                            " FROM project_events WHERE project = :project AND name = :name AND "
                            "id > :after ORDER BY id LIMIT :limit"),
                        soci::use(project), soci::use(name), soci::use(from), soci::use(most)),
                       blobs);
    std::ranges::move(found, std::back_inserter(events));
  }
  // Of what is left out, nothing may come before what is taken.
  std::ranges::sort(events, {}, &ProjectEvent::id);
  if (events.size() > limit) events.resize(limit);
  return events;
}

std::vector<EventHeading> select_events_since(Connection& connection, std::uint64_t after,
                                              std::size_t limit) {
  const auto from = static_cast<long long>(after);
  const auto most = static_cast<long long>(limit);
  EventHeading one;
  long long id = 0;
  soci::statement select =
      (connection.sql().prepare
           << "SELECT id, project, name FROM project_events WHERE id > :after ORDER BY id LIMIT :n",
       soci::use(from), soci::use(most), soci::into(id), soci::into(one.project),
       soci::into(one.name));
  std::vector<EventHeading> events;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.id = static_cast<std::uint64_t>(id);
    events.push_back(one);
  }
  return events;
}

std::uint64_t select_last_event(Connection& connection) {
  long long id = 0;
  connection.sql() << "SELECT coalesce(max(id), 0) FROM project_events", soci::into(id);
  return static_cast<std::uint64_t>(id);
}

std::optional<ProjectEvent> select_event(Connection& connection, const Blobs& blobs,
                                         std::uint64_t id) {
  const auto number = static_cast<long long>(id);
  auto found = fetch((connection.sql().prepare << std::string("SELECT ").append(columns).append(
                          " FROM project_events WHERE id = :id"),
                      soci::use(number)),
                     blobs);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::vector<ProjectEvent> select_events(Connection& connection, const Blobs& blobs,
                                        const EventFilter& filter) {
  const auto limit = static_cast<long long>(filter.limit);
  // An empty text stands for no condition.
  return fetch((connection.sql().prepare << std::string("SELECT ").append(columns).append(
                    " FROM project_events WHERE (:project = '' OR project = :project) AND "
                    "(:name = '' OR name = :name) ORDER BY id DESC LIMIT :limit"),
                soci::use(filter.project, "project"), soci::use(filter.name, "name"),
                soci::use(limit, "limit")),
               blobs);
}

}  // namespace agentcmd::store
