// Triggers (triggers.h) over the writer and the reader of a store.

#include "store/place_rows.h"
#include "store/reader.h"
#include "store/triggers.h"
#include "store/writer.h"

#include <soci/soci.h>

#include <utility>
#include <variant>

namespace agentcmd::store {
namespace {

// A change of rows, as one function within the transaction.
template <typename Result>
struct RowsWork {
  using Value = Result;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) { return change(context.connection.sql()); }

  std::function<Value(soci::session&)> change;
};
using Done = std::monostate;

void declare_one(soci::session& sql, const Schedule& schedule) {
  const auto next = static_cast<long long>(to_millis(schedule.next_due));
  const auto& key = schedule.key;
  sql << "INSERT INTO schedules(project, definition, name, file, spec, next_due, error) "
         "VALUES(:project, :definition, :name, :file, :spec, :next, :error) "
         "ON CONFLICT(project, definition, name) DO UPDATE SET "
         "next_due = CASE WHEN spec = excluded.spec AND next_due <> 0 THEN next_due "
         "ELSE excluded.next_due END, "
         "file = excluded.file, spec = excluded.spec, error = excluded.error",
      soci::use(key.project), soci::use(key.definition), soci::use(key.name),
      soci::use(schedule.file), soci::use(schedule.spec.text), soci::use(next),
      soci::use(schedule.error);
}

bool advance_one(soci::session& sql, const ScheduleKey& key, Time from, const ScheduleStep& step) {
  const auto old_due = static_cast<long long>(to_millis(from));
  const auto next = static_cast<long long>(to_millis(step.next_due));
  const auto last = static_cast<long long>(to_millis(step.last_due));
  const auto missed = static_cast<long long>(step.missed);
  soci::statement update =
      (sql.prepare << "UPDATE schedules SET next_due = :next, last_due = :last, "
                      "last_run = CASE WHEN :run = '' THEN last_run ELSE :run END, "
                      "last_message = :message, missed = missed + :missed "
                      "WHERE project = :project AND definition = :definition AND name = :name "
                      "AND next_due = :old",
       soci::use(next, "next"), soci::use(last, "last"), soci::use(step.run, "run"),
       soci::use(step.message, "message"), soci::use(missed, "missed"),
       soci::use(key.project, "project"), soci::use(key.definition, "definition"),
       soci::use(key.name, "name"), soci::use(old_due, "old"));
  update.execute(true);
  return update.get_affected_rows() == 1;
}

bool set_paused(soci::session& sql, const ScheduleKey& key, bool paused, const std::string& by,
                Time next_due) {
  const int flag = paused ? 1 : 0;
  const auto next = static_cast<long long>(to_millis(next_due));
  soci::statement update =
      (sql.prepare << "UPDATE schedules SET paused = :paused, paused_by = :by, "
                      "next_due = CASE WHEN :paused = 1 THEN next_due ELSE :next END "
                      "WHERE project = :project AND definition = :definition AND name = :name",
       soci::use(flag, "paused"), soci::use(by, "by"), soci::use(next, "next"),
       soci::use(key.project, "project"), soci::use(key.definition, "definition"),
       soci::use(key.name, "name"));
  update.execute(true);
  return update.get_affected_rows() == 1;
}

std::vector<Schedule> select_schedules(soci::session& sql) {
  Schedule one;
  long long next = 0, last = 0, missed = 0;
  int paused = 0;
  soci::statement select =
      (sql.prepare << "SELECT project, definition, name, file, spec, next_due, last_due, last_run, "
                      "last_message, missed, paused, paused_by, error FROM schedules "
                      "ORDER BY project, definition, name",
       soci::into(one.key.project), soci::into(one.key.definition), soci::into(one.key.name),
       soci::into(one.file), soci::into(one.spec.text), soci::into(next), soci::into(last),
       soci::into(one.last_run), soci::into(one.last_message), soci::into(missed),
       soci::into(paused), soci::into(one.paused_by), soci::into(one.error));
  std::vector<Schedule> all;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.next_due = from_millis(next);
    one.last_due = from_millis(last);
    one.missed = static_cast<std::uint64_t>(missed);
    one.paused = paused != 0;
    all.push_back(one);
  }
  return all;
}

std::vector<StartNote> select_starts(soci::session& sql, const std::string& project,
                                     long long limit) {
  StartNote one;
  long long at = 0;
  soci::statement select =
      (sql.prepare << "SELECT project, definition, cause, run, message, at FROM starts "
                      "WHERE (:project = '' OR project = :project) AND cause NOT LIKE 'key %' "
                      "ORDER BY at DESC, cause DESC LIMIT :limit",
       soci::use(project, "project"), soci::use(limit, "limit"), soci::into(one.project),
       soci::into(one.definition), soci::into(one.cause), soci::into(one.run),
       soci::into(one.message), soci::into(at));
  std::vector<StartNote> all;
  for (bool more = select.execute(true); more; more = select.fetch()) {
    one.at = from_millis(at);
    all.push_back(one);
  }
  return all;
}

std::vector<std::string> select_projects(soci::session& sql) {
  std::string project;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT project FROM runs UNION SELECT project FROM schedules "
                      "UNION SELECT DISTINCT project FROM project_events",
       soci::into(project));
  std::vector<std::string> all;
  for (bool more = select.execute(true); more; more = select.fetch()) all.push_back(project);
  return all;
}

void forget_causes(soci::session& sql, Time before) {
  const auto at = static_cast<long long>(to_millis(before));
  sql << "DELETE FROM starts WHERE at < :at AND (cause NOT LIKE 'key %' "
         "OR NOT EXISTS(SELECT 1 FROM run_head WHERE run_head.id = starts.run))",
      soci::use(at);
}

class TriggerTable final : public Triggers {
 public:
  TriggerTable(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}

  Task<std::vector<Schedule>> schedules() override {
    auto work = [](ReadContext& context) { return select_schedules(context.connection.sql()); };
    co_return co_await reader_.read(work);
  }
  Task<> declare(std::vector<Schedule> schedules) override {
    if (schedules.empty()) co_return;
    RowsWork<Done> work{[schedules = std::move(schedules)](soci::session& sql) {
      for (const auto& schedule : schedules) declare_one(sql, schedule);
      return Done();
    }};
    co_await writer_.write(std::move(work));
  }
  Task<> set_error(std::string project, std::string file, std::string error) override {
    RowsWork<Done> work{[=](soci::session& sql) {
      sql << "UPDATE schedules SET error = :error WHERE project = :project AND file = :file",
          soci::use(error), soci::use(project), soci::use(file);
      return Done();
    }};
    co_await writer_.write(std::move(work));
  }
  Task<> remove(ScheduleKey key) override {
    RowsWork<Done> work{[key = std::move(key)](soci::session& sql) {
      sql << "DELETE FROM schedules WHERE project = :project AND definition = :definition AND name "
             "= :name",
          soci::use(key.project), soci::use(key.definition), soci::use(key.name);
      return Done();
    }};
    co_await writer_.write(std::move(work));
  }
  Task<bool> advance(ScheduleKey key, Time next_due, ScheduleStep step) override {
    RowsWork<bool> work{[key = std::move(key), next_due, step = std::move(step)](
                            soci::session& sql) { return advance_one(sql, key, next_due, step); }};
    co_return co_await writer_.write(std::move(work));
  }
  Task<bool> pause(ScheduleKey key, std::string by) override {
    RowsWork<bool> work{[key = std::move(key), by = std::move(by)](soci::session& sql) {
      return set_paused(sql, key, true, by, {});
    }};
    co_return co_await writer_.write(std::move(work));
  }
  Task<bool> resume(ScheduleKey key, Time next_due) override {
    RowsWork<bool> work{[key = std::move(key), next_due](soci::session& sql) {
      return set_paused(sql, key, false, "", next_due);
    }};
    co_return co_await writer_.write(std::move(work));
  }
  Task<std::vector<std::string>> projects() override {
    auto work = [](ReadContext& context) { return select_projects(context.connection.sql()); };
    co_return co_await reader_.read(work);
  }
  Task<std::uint64_t> cursor(std::string project) override {
    auto work = [project = std::move(project)](ReadContext& context) {
      long long event = 0;
      context.connection.sql() << "SELECT coalesce(max(event), 0) FROM trigger_cursors "
                                  "WHERE project IN ('', :project)",
          soci::use(project), soci::into(event);
      return static_cast<std::uint64_t>(event);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<> move_cursor(std::string project, std::uint64_t to, Time forget_before) override {
    RowsWork<Done> work{[project = std::move(project), to = static_cast<long long>(to),
                         forget_before](soci::session& sql) {
      sql << "INSERT INTO trigger_cursors(project, event) VALUES(:project, :to) "
             "ON CONFLICT(project) DO UPDATE SET event = max(event, excluded.event)",
          soci::use(project), soci::use(to);
      forget_causes(sql, forget_before);
      return Done();
    }};
    co_await writer_.write(std::move(work));
  }
  Task<> note(StartNote note) override {
    RowsWork<Done> work{[note = std::move(note)](soci::session& sql) {
      const auto at = static_cast<long long>(to_millis(note.at));
      sql << "INSERT OR IGNORE INTO starts(project, definition, cause, run, message, at) "
             "VALUES(:project, :definition, :cause, :run, :message, :at)",
          soci::use(note.project), soci::use(note.definition), soci::use(note.cause),
          soci::use(note.run), soci::use(note.message), soci::use(at);
      return Done();
    }};
    co_await writer_.write(std::move(work));
  }
  Task<std::vector<StartNote>> starts(std::string project, std::size_t limit) override {
    auto work = [project = std::move(project),
                 limit = static_cast<long long>(limit)](ReadContext& context) {
      return select_starts(context.connection.sql(), project, limit);
    };
    co_return co_await reader_.read(std::move(work));
  }

 private:
  Writer& writer_;
  Reader& reader_;
};

}  // namespace

std::unique_ptr<Triggers> make_triggers(Writer& writer, Reader& reader) {
  return std::make_unique<TriggerTable>(writer, reader);
}

}  // namespace agentcmd::store
