#include "store/projector.h"

#include "base/fault.h"
#include "base/log.h"
#include "history/codec.h"
#include "store/fold.h"
#include "store/projection_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <mutex>
#include <unordered_map>
#include <utility>

namespace agentcmd::store {
namespace {

constexpr std::size_t events_at_once = 2000;
// So that the log is carried into the database file every few megabytes.
constexpr std::size_t events_per_checkpoint = 8000;

// The rows of runs that are not over, as they will be after this batch. Kept from one batch to the
// next as long as nobody else moves the cursor: a live run is in nearly all of them.
class Tables final : public StepTable {
 public:
  explicit Tables(ProjectionRows& rows) : rows_(rows) {}

  // Events of this run follow; `kind` is the first one's.
  ProjectedRun& enter(long long run, std::string_view kind) {
    const auto [found, is_new] = runs_.try_emplace(run);
    run_ = &found->second;
    number_ = run;
    if (is_new && kind != created_kind) {
      if (auto stored = rows_.run(run)) run_->projected = *std::move(stored);
    }
    run_->changed = true;
    return run_->projected;
  }

  ProjectedStep* find(const history::StepKey& key) override {
    auto known = run_->steps.find(key.text);
    if (known == run_->steps.end()) {
      auto stored = rows_.step(number_, key);
      if (!stored) return nullptr;
      known = run_->steps.emplace(key.text, Step{.projected = *std::move(stored)}).first;
    }
    known->second.changed = true;
    return &known->second.projected;
  }

  void add(ProjectedStep step) override {
    auto key = step.row.key.text;
    run_->steps.insert_or_assign(std::move(key),
                                 Step{.projected = std::move(step), .changed = true});
  }

  void write() {
    for (const auto& [number, run] : runs_) {
      if (!run.changed) continue;
      rows_.put(number, run.projected);
      for (const auto& [key, step] : run.steps) {
        if (step.changed) rows_.put(number, step.projected);
      }
    }
  }

  // After write(): what has ended is not asked for again.
  void keep_live() {
    if (runs_.size() > runs_kept_max) return runs_.clear();
    std::erase_if(runs_,
                  [](const auto& run) { return is_terminal(run.second.projected.row.status); });
    for (auto& [number, run] : runs_) {
      if (!std::exchange(run.changed, false)) continue;
      std::erase_if(run.steps, [](const auto& step) { return step.second.projected.row.ended_at; });
      for (auto& [key, step] : run.steps) step.changed = false;
    }
  }

  void forget() { runs_.clear(); }

 private:
  static constexpr std::string_view created_kind = "RunCreated";
  static constexpr std::size_t runs_kept_max = 2000;

  struct Step {
    ProjectedStep projected;
    bool changed = false;
  };
  struct Run {
    ProjectedRun projected;
    bool changed = false;
    std::unordered_map<std::string, Step> steps;
  };

  ProjectionRows& rows_;
  std::unordered_map<long long, Run> runs_;
  // That events are about.
  long long number_ = 0;
  Run* run_ = nullptr;
};

struct EventColumns {
  std::vector<long long> id, run, seq, at;
  std::vector<std::string> kind, fields, payload, blob;

  // One more than is asked for, so that the statement comes to its end (connection.h: select_one).
  void resize() {
    for (auto* numbers : {&id, &run, &seq, &at}) numbers->resize(events_at_once + 1);
    for (auto* texts : {&kind, &fields, &payload, &blob}) texts->resize(events_at_once + 1);
  }
};

}  // namespace

struct Projector::Impl {
  Impl(Connection& connection_in, const Home& home);

  long long cursor();
  long long end();
  void read_events();
  history::Event event_at(std::size_t i);
  void fold_events();
  bool write();
  void checkpoint();

  Connection& connection;
  CommitLock lock;
  Blobs blobs;
  ProjectionRows rows;
  Tables tables;
  long long tables_at = -1;  // where the cursor must be for `tables` to be right; -1: nowhere
  EventColumns events;
  std::size_t since_checkpoint = 0;

  // Bound to the statements.
  long long cursor_found = 0, end_found = 0, after = 0, to = 0;
  const long long limit = events_at_once;

  soci::statement select_cursor;
  soci::statement select_end;
  soci::statement select_events;
  soci::statement move_cursor;
};

Projector::Impl::Impl(Connection& connection_in, const Home& home)
    : connection(connection_in),
      lock(home),
      blobs(home.blobs()),
      rows(connection_in),
      tables(rows),
      select_cursor((connection.sql().prepare << "SELECT history_id FROM projected",
                     soci::into(cursor_found))),
      select_end((connection.sql().prepare << "SELECT coalesce(max(id), 0) FROM history",
                  soci::into(end_found))),
      // Payloads are the bulk of a history, and few kinds need them here: needs_payload(). The cast
      // is for SOCI, which reads a column declared INTEGER into a vector as 32 bits.
      select_events((connection.sql().prepare
                         << "SELECT CAST(id AS BIGINT), run, seq, at, kind, fields, "
                            "CASE WHEN kind IN ('RunFailed', 'StepFailed', 'StepTimedOut', "
                            "'RunUpdated') THEN coalesce(payload, '') ELSE '' END, "
                            "coalesce(blob, '') "
                            "FROM history WHERE id > :after ORDER BY id LIMIT :limit",
                     soci::use(after), soci::use(limit), soci::into(events.id),
                     soci::into(events.run), soci::into(events.seq), soci::into(events.at),
                     soci::into(events.kind), soci::into(events.fields), soci::into(events.payload),
                     soci::into(events.blob))),
      move_cursor((connection.sql().prepare
                       << "UPDATE projected SET history_id = :to WHERE history_id = :from",
                   soci::use(to), soci::use(after))) {}

long long Projector::Impl::cursor() {
  select_one(select_cursor);
  return cursor_found;
}

long long Projector::Impl::end() {
  select_one(select_end);
  return end_found;
}

// Those behind `after`.
void Projector::Impl::read_events() {
  events.resize();
  if (!select_events.execute(true)) events.id.clear();
}

history::Event Projector::Impl::event_at(std::size_t i) {
  auto payload = events.payload[i];
  if (!events.blob[i].empty() && needs_payload(events.kind[i])) payload = blobs.get(events.blob[i]);
  return {.seq = static_cast<std::uint64_t>(events.seq[i]),
          .at = from_millis(events.at[i]),
          .detail = history::decode(events.kind[i], events.fields[i], std::move(payload))};
}

void Projector::Impl::fold_events() {
  for (std::size_t i = 0; i < events.id.size(); ++i) {
    if (events.run[i] == 0) continue;  // the mark of retention_rows.cc
    try {
      auto& run = tables.enter(events.run[i], events.kind[i]);
      fold(event_at(i), events.id[i], run, tables);
    } catch (const Fault& fault) {
      // One damaged event must not hide all runs; reading its own history reports it.
      log::error("projection.event_skipped",
                 {{"row", events.id[i]}, {"seq", events.seq[i]}, {"error", fault.what()}});
    }
  }
}

bool Projector::Impl::write() {
  const std::lock_guard turn(lock);
  WriteTransaction transaction(connection);
  move_cursor.execute(true);
  if (move_cursor.get_affected_rows() != 1) return false;  // another process was faster
  tables.write();
  transaction.commit();
  return true;
}

void Projector::Impl::checkpoint() {
  since_checkpoint = 0;
  int busy = 0;
  int pages = 0;
  int moved = 0;
  connection.sql() << "PRAGMA wal_checkpoint(PASSIVE)", soci::into(busy), soci::into(pages),
      soci::into(moved);
}

Projector::Projector(Connection& connection, const Home& home)
    : impl_(std::make_unique<Impl>(connection, home)) {}

Projector::~Projector() = default;

bool Projector::step() {
  {
    ReadTransaction one_state(impl_->connection);
    impl_->after = impl_->cursor();
    // What is folded from here on holds only once it is written.
    if (std::exchange(impl_->tables_at, -1) != impl_->after) impl_->tables.forget();
    impl_->read_events();
    if (impl_->events.id.empty()) {
      impl_->tables_at = impl_->after;
      return false;
    }
    impl_->fold_events();
  }
  const auto count = impl_->events.id.size();
  impl_->to = impl_->events.id.back();
  if (!impl_->write()) return true;
  impl_->tables.keep_live();
  impl_->tables_at = impl_->to;
  impl_->since_checkpoint += count;
  if (impl_->since_checkpoint >= events_per_checkpoint) impl_->checkpoint();
  return count == events_at_once;
}

void Projector::catch_up() {
  const auto end = impl_->end();
  while (impl_->cursor() < end) step();
}

void Projector::rebuild() {
  {
    impl_->tables_at = -1;
    const std::lock_guard turn(impl_->lock);
    WriteTransaction transaction(impl_->connection);
    impl_->connection.sql() << "DELETE FROM runs";
    impl_->connection.sql() << "DELETE FROM steps";
    impl_->connection.sql() << "UPDATE projected SET history_id = 0";
    transaction.commit();
  }
  catch_up();
}

}  // namespace agentcmd::store
