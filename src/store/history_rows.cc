#include "store/history_rows.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "history/codec.h"
#include "history/history.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace agentcmd::store {
namespace {

EncodedEvent encode_event(const history::Event& event, const Blobs& blobs) {
  auto detail = history::encode(event.detail);
  EncodedEvent out{.seq = event.seq,
                   .at = event.at,
                   .flags = event.flags,
                   .kind = detail.kind,
                   .fields = std::move(detail.fields)};
  if (detail.payload.size() > limits::inline_payload_max) {
    out.blob = blobs.put(detail.payload);
  } else {
    out.payload = std::move(detail.payload);
  }
  return out;
}

EncodedPart encode_part(const RunAppend& part, const Blobs& blobs) {
  AGENTCMD_CHECK(!part.events.empty(), "append of no events to run {}", part.run.text);
  EncodedPart out{.run = part.run, .expected_seq = part.expected_seq, .owner = part.owner};
  out.events.reserve(part.events.size());
  for (const auto& event : part.events) {
    const auto expected = part.expected_seq + out.events.size() + 1;
    AGENTCMD_CHECK(event.seq == expected, "event {} of run {} where {} is next", event.seq,
                   part.run.text, expected);
    AGENTCMD_CHECK(std::holds_alternative<history::RunCreated>(event.detail) == (event.seq == 1),
                   "event {} of run {} is {}", event.seq, part.run.text,
                   history::kind_of(event.detail));
    AGENTCMD_CHECK(!out.ends_run, "event {} of run {} follows its end", event.seq, part.run.text);
    out.ends_run = history::is_end(event.detail);
    out.events.push_back(encode_event(event, blobs));
  }
  return out;
}

// The end of a run's history, as this transaction will leave it.
struct Head {
  long long run = 0;
  std::string driver;
  std::uint32_t term = 0;
  std::uint64_t seq = 0;
  bool ended = false;
  bool created = false;     // by this transaction
  bool remembered = false;  // from an earlier one, so that the database may be ahead
  // As the database has it; meaningless where `created`.
  std::string old_driver;
  std::uint32_t old_term = 0;
  std::uint64_t old_seq = 0;
};

using Heads = std::unordered_map<std::string, Head>;

// What the transaction after this one finds.
Head after_commit(Head head) {
  head.created = false;
  head.remembered = true;
  head.old_driver = head.driver;
  head.old_term = head.term;
  head.old_seq = head.seq;
  return head;
}

// So many runs may be live at once before the database is asked again where they are.
constexpr std::size_t remembered_max = 10'000;

Result<void> check(const EncodedPart& part, const Head& head) {
  if (part.expected_seq == 0) {
    return fail(ErrorCode::already_exists, fmt::format("run {} exists already", part.run.text));
  }
  if (head.driver != part.owner.driver || head.term != part.owner.term) {
    return fail(
        ErrorCode::conflict,
        fmt::format("run {} belongs to driver {} (term {}), not to {} (term {})", part.run.text,
                    head.driver, head.term, part.owner.driver, part.owner.term));
  }
  if (head.seq != part.expected_seq) {
    return fail(ErrorCode::conflict, fmt::format("run {} is at event {}, not at {}", part.run.text,
                                                 head.seq, part.expected_seq));
  }
  if (head.ended) {
    return fail(ErrorCode::conflict, fmt::format("run {} has ended", part.run.text));
  }
  return {};
}

struct Columns {
  std::vector<long long> run, seq, at, flags;
  std::vector<std::string> kind, fields, payload, blob;
  std::vector<soci::indicator> payload_set, blob_set;

  void clear() {
    for (auto* numbers : {&run, &seq, &at, &flags}) numbers->clear();
    for (auto* texts : {&kind, &fields, &payload, &blob}) texts->clear();
    payload_set.clear();
    blob_set.clear();
  }
};

struct HeadColumns {
  std::vector<long long> run, seq, term, ended, old_seq, old_term;
  std::vector<std::string> id, driver, old_driver;

  void clear() {
    for (auto* numbers : {&run, &seq, &term, &ended, &old_seq, &old_term}) numbers->clear();
    for (auto* texts : {&id, &driver, &old_driver}) texts->clear();
  }
};

soci::indicator set_unless_empty(const std::string& text) {
  return text.empty() ? soci::i_null : soci::i_ok;
}

}  // namespace

std::vector<EncodedPart> encode(std::vector<RunAppend> parts, const Blobs& blobs) {
  AGENTCMD_CHECK(!parts.empty(), "append of no parts");
  std::vector<EncodedPart> out;
  out.reserve(parts.size());
  for (const auto& part : parts) out.push_back(encode_part(part, blobs));
  return out;
}

std::size_t bytes_of(const std::vector<EncodedPart>& parts) {
  constexpr std::size_t row_overhead = 64;
  std::size_t bytes = 0;
  for (const auto& part : parts) {
    for (const auto& event : part.events) {
      bytes += row_overhead + event.fields.size() + event.payload.size();
    }
  }
  return bytes;
}

struct HistoryRows::Impl {
  explicit Impl(Connection& connection);

  // Null for a run that does not exist.
  const Head* find(const std::string& id, Heads& staged);
  const Head* select(const std::string& id, Heads& staged);
  Head new_head(const EncodedPart& part);
  Result<void> stage(const EncodedPart& part, Heads& staged);
  void add_row(long long run, const EncodedEvent& event);
  void add_head(const std::string& id, const Head& head);

  soci::session& sql;
  Heads heads;              // touched by this transaction
  Heads live;               // as former transactions left them
  long long last_run = -1;  // -1: not asked for yet
  Columns rows;
  HeadColumns created;
  HeadColumns changed;

  // Bound to one find_head.
  std::string wanted;
  long long found_run = 0, found_term = 0, found_seq = 0, found_ended = 0;
  std::string found_driver;

  soci::statement find_head;
  soci::statement insert_rows;
  soci::statement insert_heads;
  soci::statement update_heads;
};

HistoryRows::Impl::Impl(Connection& connection)
    : sql(connection.sql()),
      find_head((sql.prepare << "SELECT run, driver, term, seq, ended FROM run_head WHERE id = :id",
                 soci::use(wanted), soci::into(found_run), soci::into(found_driver),
                 soci::into(found_term), soci::into(found_seq), soci::into(found_ended))),
      insert_rows((sql.prepare << "INSERT INTO history(run, seq, kind, at, flags, fields, payload, "
                                  "blob) VALUES(:a, :b, :c, :d, :e, :f, :g, :h)",
                   soci::use(rows.run), soci::use(rows.seq), soci::use(rows.kind),
                   soci::use(rows.at), soci::use(rows.flags), soci::use(rows.fields),
                   soci::use(rows.payload, rows.payload_set), soci::use(rows.blob, rows.blob_set))),
      insert_heads((sql.prepare << "INSERT INTO run_head(run, id, driver, term, seq, ended, "
                                   "created_after) VALUES(:a, :b, :c, :d, :e, :f, "
                                   "(SELECT coalesce(max(id), 0) FROM project_events))",
                    soci::use(created.run), soci::use(created.id), soci::use(created.driver),
                    soci::use(created.term), soci::use(created.seq), soci::use(created.ended))),
      update_heads((sql.prepare << "UPDATE run_head SET driver = :a, term = :b, seq = :c, ended = "
                                   ":d WHERE run = :e AND driver = :f AND term = :g AND seq = :h",
                    soci::use(changed.driver), soci::use(changed.term), soci::use(changed.seq),
                    soci::use(changed.ended), soci::use(changed.run), soci::use(changed.old_driver),
                    soci::use(changed.old_term), soci::use(changed.old_seq))) {}

const Head* HistoryRows::Impl::find(const std::string& id, Heads& staged) {
  if (const auto known = staged.find(id); known != staged.end()) return &known->second;
  if (const auto known = heads.find(id); known != heads.end()) return &known->second;
  if (const auto known = live.find(id); known != live.end()) return &known->second;
  return select(id, staged);
}

const Head* HistoryRows::Impl::select(const std::string& id, Heads& staged) {
  live.erase(id);
  wanted = id;
  if (!select_one(find_head)) return nullptr;
  Head head{.run = found_run,
            .driver = found_driver,
            .term = static_cast<std::uint32_t>(found_term),
            .seq = static_cast<std::uint64_t>(found_seq),
            .ended = found_ended != 0,
            .old_driver = found_driver,
            .old_term = static_cast<std::uint32_t>(found_term),
            .old_seq = static_cast<std::uint64_t>(found_seq)};
  return &staged.emplace(id, std::move(head)).first->second;
}

Head HistoryRows::Impl::new_head(const EncodedPart& part) {
  if (last_run < 0) {
    long long forgotten = 0;
    sql << "SELECT coalesce((SELECT max(run) FROM run_head), 0), (SELECT run FROM last_forgotten)",
        soci::into(last_run), soci::into(forgotten);
    last_run = std::max(last_run, forgotten);
  }
  return {.run = ++last_run, .driver = part.owner.driver, .term = part.owner.term, .created = true};
}

Result<void> HistoryRows::Impl::stage(const EncodedPart& part, Heads& staged) {
  const auto* known = find(part.run.text, staged);
  if (known == nullptr && part.expected_seq > 0) {
    return fail(ErrorCode::conflict, fmt::format("run {} does not exist", part.run.text));
  }
  if (known != nullptr) {
    auto fits = check(part, *known);
    const bool from_before = !staged.contains(part.run.text) && !heads.contains(part.run.text);
    if (!fits && from_before && known->remembered) {  // another driver may have had the run since
      known = select(part.run.text, staged);
      if (known != nullptr) fits = check(part, *known);
    }
    if (!fits) return fits;
  }
  auto head = known == nullptr ? new_head(part) : *known;
  head.seq = part.events.back().seq;
  head.ended = part.ends_run;
  staged.insert_or_assign(part.run.text, std::move(head));
  return {};
}

void HistoryRows::Impl::add_row(long long run, const EncodedEvent& event) {
  rows.run.push_back(run);
  rows.seq.push_back(static_cast<long long>(event.seq));
  rows.kind.emplace_back(event.kind);
  rows.at.push_back(to_millis(event.at));
  rows.flags.push_back(event.flags);
  rows.fields.push_back(event.fields);
  rows.payload.push_back(event.payload);
  rows.payload_set.push_back(set_unless_empty(event.payload));
  rows.blob.push_back(event.blob);
  rows.blob_set.push_back(set_unless_empty(event.blob));
}

void HistoryRows::Impl::add_head(const std::string& id, const Head& head) {
  auto& columns = head.created ? created : changed;
  columns.run.push_back(head.run);
  columns.id.push_back(id);
  columns.driver.push_back(head.driver);
  columns.term.push_back(head.term);
  columns.seq.push_back(static_cast<long long>(head.seq));
  columns.ended.push_back(head.ended ? 1 : 0);
  columns.old_driver.push_back(head.old_driver);
  columns.old_term.push_back(head.old_term);
  columns.old_seq.push_back(static_cast<long long>(head.old_seq));
}

HistoryRows::HistoryRows(Connection& connection) : impl_(std::make_unique<Impl>(connection)) {}

HistoryRows::~HistoryRows() = default;

void HistoryRows::begin() {
  impl_->heads.clear();
  impl_->last_run = -1;
  impl_->rows.clear();
}

Result<void> HistoryRows::append(const std::vector<EncodedPart>& parts) {
  Heads staged;
  for (const auto& part : parts) {
    if (auto fits = impl_->stage(part, staged); !fits) return fits;
  }
  for (const auto& part : parts) {
    const auto run = staged.at(part.run.text).run;
    for (const auto& event : part.events) impl_->add_row(run, event);
  }
  for (auto& [id, head] : staged) impl_->heads.insert_or_assign(id, std::move(head));
  return {};
}

Result<Owner> HistoryRows::take_over(const history::RunId& run, const Owner& from,
                                     const std::string& driver) {
  Heads staged;
  const auto written = impl_->heads.find(run.text);
  const auto* known =
      written == impl_->heads.end() ? impl_->select(run.text, staged) : &written->second;
  if (known == nullptr) {
    return fail(ErrorCode::conflict, fmt::format("run {} does not exist", run.text));
  }
  auto head = *known;
  if (head.driver != from.driver || head.term != from.term) {
    return fail(ErrorCode::conflict, fmt::format("run {} was taken over by driver {} (term {})",
                                                 run.text, head.driver, head.term));
  }
  head.driver = driver;
  ++head.term;
  const Owner owner{.driver = driver, .term = head.term};
  impl_->heads.insert_or_assign(run.text, std::move(head));
  return owner;
}

bool HistoryRows::flush() {
  impl_->created.clear();
  impl_->changed.clear();
  bool remembered = false;
  for (const auto& [id, head] : impl_->heads) {
    impl_->add_head(id, head);
    remembered |= head.remembered;
  }
  if (!impl_->changed.run.empty()) {
    impl_->update_heads.execute(true);
    // The fence, asserted a second time by the database itself.
    const auto updated = impl_->update_heads.get_affected_rows();
    if (updated != static_cast<long long>(impl_->changed.run.size())) {
      if (remembered) return false;
      throw Fault(
          fmt::format("{} of {} runs changed while the write lock was held; the locks of "
                      "this file system do not work: set AGENTCMD_HOME to a local disk",
                      updated, impl_->changed.run.size()));
    }
  }
  if (!impl_->created.run.empty()) impl_->insert_heads.execute(true);
  if (!impl_->rows.run.empty()) impl_->insert_rows.execute(true);
  return true;
}

void HistoryRows::committed() {
  if (impl_->live.size() > remembered_max) impl_->live.clear();
  for (auto& [id, head] : impl_->heads) {
    if (head.ended) {
      impl_->live.erase(id);
    } else {
      impl_->live.insert_or_assign(id, after_commit(std::move(head)));
    }
  }
  impl_->heads.clear();
}

void HistoryRows::forget() {
  impl_->live.clear();
}

std::vector<history::Event> read_history(Connection& connection, const Blobs& blobs,
                                         const history::RunId& run, std::uint64_t after_seq) {
  constexpr std::size_t rows_at_once = 256;
  std::vector<long long> seq(rows_at_once), at(rows_at_once), flags(rows_at_once);
  std::vector<std::string> kind(rows_at_once), fields(rows_at_once), payload(rows_at_once),
      blob(rows_at_once);
  const auto after = static_cast<long long>(after_seq);
  soci::statement select =
      (connection.sql().prepare
           << "SELECT seq, at, flags, kind, fields, coalesce(payload, ''), coalesce(blob, '') FROM "
              "history WHERE run = (SELECT run FROM run_head WHERE id = :id) AND seq > :after "
              "ORDER BY seq",
       soci::use(run.text), soci::use(after), soci::into(seq), soci::into(at), soci::into(flags),
       soci::into(kind), soci::into(fields), soci::into(payload), soci::into(blob));
  std::vector<history::Event> events;
  const auto take = [&](std::size_t i) {
    try {
      auto text = blob[i].empty() ? std::move(payload[i]) : blobs.get(blob[i]);
      events.push_back({.seq = static_cast<std::uint64_t>(seq[i]),
                        .at = from_millis(at[i]),
                        .detail = history::decode(kind[i], fields[i], std::move(text)),
                        .flags = static_cast<std::uint32_t>(flags[i])});
    } catch (const Fault& fault) {
      const auto about = parse_json(fields[i], "fields");
      const auto key = about ? string_or(*about, "key") : "";
      throw Fault(fmt::format("run {}, event {} ({}{}): {}", run.text, seq[i], kind[i],
                              key.empty() ? "" : " of step '" + key + "'", fault.what()));
    }
  };
  for (bool more = select.execute(true); more; more = select.fetch()) {
    for (std::size_t i = 0; i < seq.size(); ++i) take(i);
    for (auto* numbers : {&seq, &at, &flags}) numbers->resize(rows_at_once);
    for (auto* texts : {&kind, &fields, &payload, &blob}) texts->resize(rows_at_once);
  }
  return events;
}

std::optional<Owner> owner_of(Connection& connection, const history::RunId& run) {
  Owner owner;
  soci::session& sql = connection.sql();
  sql << "SELECT driver, term FROM run_head WHERE id = :id", soci::use(run.text),
      soci::into(owner.driver), soci::into(owner.term);
  if (!sql.got_data()) return std::nullopt;
  return owner;
}

}  // namespace agentcmd::store
