#include "store/projector.h"

#include "base/fault.h"
#include "base/log.h"
#include "history/codec.h"
#include "store/fold.h"
#include "store/projection_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace agentcmd::store {
namespace {

constexpr std::size_t events_at_once = 2000;
// So that the log is carried into the database file every few megabytes.
constexpr std::size_t events_per_checkpoint = 8000;

// The rows that one batch touches. Looks up what earlier batches wrote.
class Batch final : public StepTable {
 public:
  explicit Batch(ProjectionRows& rows) : rows_(rows) {}

  // Events of this run follow.
  ProjectedRun& enter(long long run) {
    run_ = run;
    const auto [found, is_new] = runs_.try_emplace(run);
    if (is_new) {
      auto stored = rows_.run(run);
      if (stored) found->second = *std::move(stored);
    }
    return found->second;
  }

  ProjectedStep* find(const history::StepKey& key) override {
    auto& steps = steps_[run_];
    if (const auto known = steps.find(key.text); known != steps.end()) return &known->second;
    auto stored = rows_.step(run_, key);
    if (!stored) return nullptr;
    return &steps.emplace(key.text, *std::move(stored)).first->second;
  }

  void add(ProjectedStep step) override {
    auto key = step.row.key.text;
    steps_[run_].insert_or_assign(std::move(key), std::move(step));
  }

  void write() {
    for (const auto& [number, run] : runs_) rows_.put(number, run);
    for (const auto& [number, steps] : steps_) {
      for (const auto& [key, step] : steps) rows_.put(number, step);
    }
  }

 private:
  ProjectionRows& rows_;
  long long run_ = 0;
  std::map<long long, ProjectedRun> runs_;
  std::map<long long, std::unordered_map<std::string, ProjectedStep>> steps_;
};

struct EventColumns {
  std::vector<long long> id, run, seq, at;
  std::vector<std::string> kind, fields, payload, blob;

  EventColumns() { resize(); }
  void resize() {
    for (auto* numbers : {&id, &run, &seq, &at}) numbers->resize(events_at_once);
    for (auto* texts : {&kind, &fields, &payload, &blob}) texts->resize(events_at_once);
  }
};

}  // namespace

struct Projector::Impl {
  Impl(Connection& connection_in, const Home& home)
      : connection(connection_in), lock(home), blobs(home.blobs()), rows(connection_in) {}

  long long cursor();
  long long end();
  void read_events(long long after);
  history::Event event_at(std::size_t i);
  void fold_into(Batch& batch);
  bool write(Batch& batch, long long from, long long to);
  void checkpoint();

  Connection& connection;
  CommitLock lock;
  Blobs blobs;
  ProjectionRows rows;
  EventColumns events;
  std::size_t since_checkpoint = 0;
};

long long Projector::Impl::cursor() {
  long long id = 0;
  connection.sql() << "SELECT history_id FROM projected", soci::into(id);
  return id;
}

long long Projector::Impl::end() {
  long long id = 0;
  connection.sql() << "SELECT coalesce(max(id), 0) FROM history", soci::into(id);
  return id;
}

void Projector::Impl::read_events(long long after) {
  events.resize();
  const auto limit = static_cast<long long>(events_at_once);
  // Payloads are the bulk of a history, and few kinds need them here: needs_payload(). The cast is
  // for SOCI, which reads a column declared INTEGER into a vector as 32 bits.
  soci::statement select =
      (connection.sql().prepare
           << "SELECT CAST(id AS BIGINT), run, seq, at, kind, fields, "
              "CASE WHEN kind IN ('RunFailed', 'StepFailed', 'StepTimedOut', 'RunUpdated') "
              "THEN coalesce(payload, '') ELSE '' END, coalesce(blob, '') "
              "FROM history WHERE id > :after ORDER BY id LIMIT :limit",
       soci::use(after), soci::use(limit), soci::into(events.id), soci::into(events.run),
       soci::into(events.seq), soci::into(events.at), soci::into(events.kind),
       soci::into(events.fields), soci::into(events.payload), soci::into(events.blob));
  if (!select.execute(true)) events.id.clear();
}

history::Event Projector::Impl::event_at(std::size_t i) {
  auto payload = events.payload[i];
  if (!events.blob[i].empty() && needs_payload(events.kind[i])) payload = blobs.get(events.blob[i]);
  return {.seq = static_cast<std::uint64_t>(events.seq[i]),
          .at = from_millis(events.at[i]),
          .detail = history::decode(events.kind[i], events.fields[i], std::move(payload))};
}

void Projector::Impl::fold_into(Batch& batch) {
  for (std::size_t i = 0; i < events.id.size(); ++i) {
    try {
      auto& run = batch.enter(events.run[i]);
      fold(event_at(i), events.id[i], run, batch);
    } catch (const Fault& fault) {
      // One damaged event must not hide all runs; reading its own history reports it.
      log::error("projection.event_skipped",
                 {{"row", events.id[i]}, {"seq", events.seq[i]}, {"error", fault.what()}});
    }
  }
}

bool Projector::Impl::write(Batch& batch, long long from, long long to) {
  const std::lock_guard turn(lock);
  WriteTransaction transaction(connection);
  soci::statement move =
      (connection.sql().prepare << "UPDATE projected SET history_id = :to WHERE history_id = :from",
       soci::use(to), soci::use(from));
  move.execute(true);
  if (move.get_affected_rows() != 1) return false;  // another process was faster
  batch.write();
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
  Batch batch(impl_->rows);
  long long from = 0;
  {
    ReadTransaction one_state(impl_->connection);
    from = impl_->cursor();
    impl_->read_events(from);
    if (impl_->events.id.empty()) return false;
    impl_->fold_into(batch);
  }
  const auto count = impl_->events.id.size();
  if (!impl_->write(batch, from, impl_->events.id.back())) return true;
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
