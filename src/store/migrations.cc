#include "store/migrations.h"

#include "base/clock.h"
#include "base/fault.h"
#include "store/commit_lock.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <array>
#include <mutex>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 10> first_schema{
    // The only truth. `run` is a small integer because a clustered text id costs more than half of
    // the insert rate. `blob` names the payload where it is too large for the row.
    R"(CREATE TABLE history(
      id INTEGER PRIMARY KEY,
      run BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      kind TEXT NOT NULL,
      at BIGINT NOT NULL,
      flags BIGINT NOT NULL,
      fields TEXT NOT NULL,
      payload TEXT,
      blob TEXT,
      UNIQUE(run, seq)))",
    R"(CREATE TABLE run_head(
      run INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      driver TEXT NOT NULL,
      term BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      ended BIGINT NOT NULL))",
    R"(CREATE TABLE requests(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      run TEXT NOT NULL,
      kind TEXT NOT NULL,
      data TEXT NOT NULL,
      at BIGINT NOT NULL,
      done BIGINT NOT NULL DEFAULT 0))",
    "CREATE INDEX requests_pending ON requests(run) WHERE done = 0",
    // Projections, and how far into history they have come. Texts that can be long stay in the
    // history: created_event and result_event say where.
    "CREATE TABLE projected(history_id BIGINT NOT NULL)",
    "INSERT INTO projected VALUES(0)",
    R"(CREATE TABLE runs(
      run INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      definition TEXT NOT NULL,
      file TEXT NOT NULL,
      project TEXT NOT NULL,
      code_hash TEXT NOT NULL,
      status TEXT NOT NULL,
      phase TEXT NOT NULL,
      reason TEXT NOT NULL,
      branch TEXT NOT NULL,
      working_dir TEXT NOT NULL,
      pr_url TEXT NOT NULL,
      created_event BIGINT NOT NULL,
      result_event BIGINT,
      created_at BIGINT NOT NULL,
      started_at BIGINT,
      ended_at BIGINT,
      events BIGINT NOT NULL,
      paused BIGINT NOT NULL,
      steps_active BIGINT NOT NULL,
      steps_waiting BIGINT NOT NULL))",
    "CREATE INDEX runs_unfinished ON runs(run) WHERE ended_at IS NULL",
    "CREATE INDEX runs_of_project ON runs(project, run)",
    R"(CREATE TABLE steps(
      run BIGINT NOT NULL,
      key TEXT NOT NULL,
      position BIGINT NOT NULL,
      type TEXT NOT NULL,
      name TEXT NOT NULL,
      phase TEXT NOT NULL,
      status TEXT NOT NULL,
      attempts BIGINT NOT NULL,
      success BIGINT NOT NULL,
      error TEXT NOT NULL,
      scheduled_at BIGINT NOT NULL,
      started_at BIGINT,
      ended_at BIGINT,
      PRIMARY KEY(run, key)) WITHOUT ROWID)",
};

// Project events, and what drivers need to know of sleeping runs and of children: the projections
// are made again with it. `created_after` is the last event that was there before the run.
constexpr std::array<std::string_view, 15> project_events{
    R"(CREATE TABLE project_events(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      project TEXT NOT NULL,
      name TEXT NOT NULL,
      data TEXT NOT NULL,
      blob TEXT,
      sent_at BIGINT NOT NULL,
      source TEXT NOT NULL,
      once TEXT))",
    "CREATE INDEX project_events_by_name ON project_events(project, name, id)",
    "CREATE UNIQUE INDEX project_events_once ON project_events(once) WHERE once IS NOT NULL",
    "ALTER TABLE run_head ADD COLUMN created_after BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN parent TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN parent_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN events_seen TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX runs_of_parent ON runs(parent, run) WHERE parent <> ''",
    "ALTER TABLE steps ADD COLUMN due_at BIGINT",
    "ALTER TABLE steps ADD COLUMN event TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX steps_waiting ON steps(run) WHERE status = 'waiting'",
    "DELETE FROM runs",
    "DELETE FROM steps",
    "UPDATE projected SET history_id = 0",
};

constexpr std::array<std::string_view, 4> retention_schema{
    // Runs that are forgotten and whose files may still be there.
    "CREATE TABLE leftovers(run TEXT PRIMARY KEY, project TEXT NOT NULL, at BIGINT NOT NULL)",
    // The highest number of a run that is forgotten.
    "CREATE TABLE last_forgotten(run BIGINT NOT NULL)",
    "INSERT INTO last_forgotten VALUES(0)",
    // Few rows have a blob; what they refer to is asked for when files are removed.
    "CREATE INDEX history_blobs ON history(blob, run) WHERE blob IS NOT NULL",
};

// Both ends of retries and forks. There were none before.
constexpr std::array<std::string_view, 3> forks{
    "ALTER TABLE runs ADD COLUMN forked_from TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN forked_at TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX runs_of_fork ON runs(forked_from, run) WHERE forked_from <> ''",
};

constexpr std::array<std::string_view, 9> places{
    // Runs that have not ended; `holder` is the driver under which a run has a place.
    R"(CREATE TABLE places(
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      run TEXT NOT NULL UNIQUE,
      project TEXT NOT NULL,
      definition TEXT NOT NULL,
      parent TEXT NOT NULL,
      flow TEXT NOT NULL,
      driver TEXT NOT NULL,
      holder TEXT NOT NULL,
      at BIGINT NOT NULL))",
    "CREATE INDEX places_waiting ON places(position) WHERE holder = ''",
    "INSERT INTO places(run, project, definition, parent, flow, driver, holder, at) "
    "SELECT head.id, json_extract(created.fields, '$.project'), "
    "json_extract(created.fields, '$.definition'), "
    "coalesce(json_extract(created.fields, '$.parent'), ''), '', head.driver, '', created.at "
    "FROM run_head AS head JOIN history AS created ON created.run = head.run AND created.seq = 1 "
    "WHERE head.ended = 0",
    "CREATE TABLE project_turns(project TEXT PRIMARY KEY, served BIGINT NOT NULL)",
    // What an event, a due time or a key has come to: one run, or the reason for none.
    R"(CREATE TABLE starts(
      project TEXT NOT NULL,
      definition TEXT NOT NULL,
      cause TEXT NOT NULL,
      run TEXT NOT NULL,
      message TEXT NOT NULL,
      at BIGINT NOT NULL,
      PRIMARY KEY(project, definition, cause)) WITHOUT ROWID)",
    "CREATE INDEX starts_by_time ON starts(at)",
    R"(CREATE TABLE schedules(
      project TEXT NOT NULL,
      definition TEXT NOT NULL,
      name TEXT NOT NULL,
      file TEXT NOT NULL,
      spec TEXT NOT NULL,
      next_due BIGINT NOT NULL,
      last_due BIGINT NOT NULL DEFAULT 0,
      last_run TEXT NOT NULL DEFAULT '',
      last_message TEXT NOT NULL DEFAULT '',
      missed BIGINT NOT NULL DEFAULT 0,
      paused BIGINT NOT NULL DEFAULT 0,
      paused_by TEXT NOT NULL DEFAULT '',
      error TEXT NOT NULL,
      PRIMARY KEY(project, definition, name)))",
    // Id of the last event of a project ('': of any) that was looked at for the runs that it
    // starts.
    "CREATE TABLE trigger_cursors(project TEXT PRIMARY KEY, event BIGINT NOT NULL)",
    "INSERT INTO trigger_cursors SELECT '', coalesce(max(id), 0) FROM project_events",
};

constexpr std::array all_migrations{Migration{1, first_schema}, Migration{2, project_events},
                                    Migration{3, retention_schema}, Migration{4, forks},
                                    Migration{5, places}};

void back_up(Connection& connection, int version) {
  const auto backup = fs::path(fmt::format("{}.{}.backup", connection.file().native(), version));
  fs::remove(backup);
  connection.sql() << "VACUUM INTO :backup", soci::use(backup.native());
}

void apply(Connection& connection, const Migration& step) {
  auto& sql = connection.sql();
  WriteTransaction transaction(connection);
  sql << "CREATE TABLE IF NOT EXISTS schema_version(version INTEGER PRIMARY KEY, agentcmd TEXT NOT "
         "NULL, at BIGINT NOT NULL)";
  for (const auto statement : step.statements) sql << std::string(statement);
  const auto at = static_cast<long long>(to_millis(SystemClock().now()));
  const std::string by = AGENTCMD_VERSION;
  sql << "INSERT INTO schema_version VALUES(:version, :by, :at)", soci::use(step.version),
      soci::use(by), soci::use(at);
  transaction.commit();
}

}  // namespace

std::span<const Migration> migrations() {
  return all_migrations;
}

SchemaVersion schema_version(Connection& connection) {
  auto& sql = connection.sql();
  int tables = 0;
  int known = 0;
  sql << "SELECT count(*), coalesce(sum(name = 'schema_version'), 0) FROM sqlite_master "
         "WHERE type = 'table'",
      soci::into(tables), soci::into(known);
  if (tables == 0) return {};
  if (known == 0) {
    throw Fault(
        fmt::format("{} is a database of another program: move it away, or set "
                    "AGENTCMD_HOME to another folder",
                    connection.file().native()));
  }
  SchemaVersion version;
  sql << "SELECT version, agentcmd FROM schema_version ORDER BY version DESC LIMIT 1",
      soci::into(version.number), soci::into(version.written_by);
  return version;
}

std::string newer_than_ours(const fs::path& file, const SchemaVersion& version) {
  if (version.number <= all_migrations.back().version) return {};
  return fmt::format(
      "{} was written by a newer agentcmd ({}): upgrade agentcmd, or set AGENTCMD_HOME to another "
      "folder",
      file.native(), version.written_by);
}

void migrate(Connection& connection, const Home& home, std::span<const Migration> steps) {
  with_faults("opening the database", connection.file(), [&] {
    const int last = steps.back().version;
    if (schema_version(connection).number == last) return;
    CommitLock lock(home);
    const std::lock_guard turn(lock);
    const auto found = schema_version(connection);  // again: another process may have been faster
    if (found.number > last) {
      throw Fault(
          fmt::format("{} was written by a newer agentcmd ({}): upgrade agentcmd, or set "
                      "AGENTCMD_HOME to another folder",
                      connection.file().native(), found.written_by));
    }
    if (found.number > 0 && found.number < last) back_up(connection, found.number);
    for (const auto& step : steps) {
      if (step.version > found.number) apply(connection, step);
    }
  });
}

}  // namespace agentcmd::store
