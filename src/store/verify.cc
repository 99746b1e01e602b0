#include "store/verify.h"

#include "base/fault.h"
#include "base/limits.h"
#include "history/codec.h"
#include "history/history.h"
#include "store/blobs.h"
#include "store/fold.h"
#include "store/garbage.h"
#include "store/migrations.h"
#include "store/projection_rows.h"
#include "store/retention_rows.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view restore_it =
    "put a backup in its place: agentcmd restore BACKUP --force (what is there is kept beside it)";
constexpr std::string_view rebuild_it = "agentcmd doctor --rebuild";

class FoldedSteps final : public StepTable {
 public:
  ProjectedStep* find(const history::StepKey& key) override {
    const auto found = steps.find(key.text);
    return found == steps.end() ? nullptr : &found->second;
  }
  void add(ProjectedStep step) override {
    auto key = step.row.key.text;
    steps.insert_or_assign(std::move(key), std::move(step));
  }
  std::map<std::string, ProjectedStep> steps;
};

struct HistoryRow {
  long long id = 0, seq = 0, at = 0, flags = 0;
  std::string kind, fields, payload, blob;
};

struct Head {
  long long number = 0, seq = 0, term = 0;
  int ended = 0;
  std::string id, driver;
};

// All of one run's row-wise reading goes through these statements.
class Verification {
 public:
  Verification(Connection& connection, const Home& home, const Fold& fold, Verified& out)
      : connection_(connection),
        home_(home),
        fold_(fold),
        out_(out),
        blobs_(home.blobs()),
        projections_(connection),
        select_rows_((connection.sql().prepare
                          << "SELECT id, seq, at, flags, kind, fields, coalesce(payload, ''), "
                             "coalesce(blob, '') FROM history WHERE run = :run ORDER BY seq",
                      soci::use(number_), soci::into(row_.id), soci::into(row_.seq),
                      soci::into(row_.at), soci::into(row_.flags), soci::into(row_.kind),
                      soci::into(row_.fields), soci::into(row_.payload), soci::into(row_.blob))),
        select_steps_(into_columns(
            (connection.sql().prepare
                 << fmt::format("SELECT {} FROM steps WHERE run = :run", StepColumns::names),
             soci::use(number_)),
            step_)) {}

  void all() {
    connection_.sql() << "SELECT history_id FROM projected", soci::into(cursor_);
    for (const auto& head : heads()) verify_run(head);
    find_strays();
    out_.leftovers = select_leftovers(connection_);
    report_leftovers();
    verify_files();
    if (differing_ > 0) report_projections();
  }

 private:
  void add(std::string check, Severity severity, std::string what, std::string meaning,
           std::string_view action) {
    out_.findings.push_back({.check = std::move(check),
                             .severity = severity,
                             .what = std::move(what),
                             .meaning = std::move(meaning),
                             .action = std::string(action)});
  }

  std::vector<Head> heads() {
    Head one;
    soci::statement select =
        (connection_.sql().prepare << "SELECT run, id, driver, term, seq, ended FROM run_head "
                                      "ORDER BY run",
         soci::into(one.number), soci::into(one.id), soci::into(one.driver), soci::into(one.term),
         soci::into(one.seq), soci::into(one.ended));
    std::vector<Head> all;
    for (bool more = select.execute(true); more; more = select.fetch()) all.push_back(one);
    return all;
  }

  void damaged(const Head& head, std::string_view what) {
    add("history", Severity::problem, fmt::format("run {}: {}", head.id, what),
        "this run's history cannot be trusted; it cannot be resumed, others are not affected",
        restore_it);
  }

  void verify_run(const Head& head) {
    number_ = head.number;
    ProjectedRun run;
    FoldedSteps steps;
    std::vector<history::Event> events;
    bool is_whole = true;
    bool is_projected = true;  // every event: otherwise the projections are not compared yet
    for (bool more = select_rows_.execute(true); more; more = select_rows_.fetch()) {
      ++out_.events;
      auto event = read_event(head);
      if (!event) {
        is_whole = false;
        continue;
      }
      fold(*event, row_.id, run, steps);
      if (row_.id > cursor_) is_projected = false;
      events.push_back(*std::move(event));
    }
    if (is_whole) verify_events(head, events);
    if (is_whole && is_projected && !is_shown_right(head, run, steps)) differs(head.id);
    out_.runs.push_back({.id = {head.id},
                         .project = run.row.project,
                         .code_hash = run.row.code_hash,
                         .driver = head.driver,
                         .ended = head.ended != 0});
  }

  std::optional<history::Event> read_event(const Head& head) {
    std::string payload = row_.payload;
    if (!row_.blob.empty()) {
      blobs_referred_.insert(row_.blob);
      try {
        payload = blobs_.get(row_.blob);
      } catch (const Fault& fault) {
        add("blobs", Severity::problem,
            fmt::format("run {}, event {} ({}): {}", head.id, row_.seq, row_.kind, fault.what()),
            "this run's history cannot be read to its end any more; others are not affected",
            "copy the file from a backup to its place, or " + std::string(restore_it));
        return std::nullopt;
      }
    }
    try {
      return history::Event{.seq = static_cast<std::uint64_t>(row_.seq),
                            .at = from_millis(row_.at),
                            .detail = history::decode(row_.kind, row_.fields, std::move(payload)),
                            .flags = static_cast<std::uint32_t>(row_.flags)};
    } catch (const Fault& fault) {
      damaged(head, fmt::format("event {} ({}): {}", row_.seq, row_.kind, fault.what()));
      return std::nullopt;
    }
  }

  void verify_events(const Head& head, const std::vector<history::Event>& events) {
    try {
      history::check_history(events);
      fold_(events);
    } catch (const Fault& fault) {
      return damaged(head, fault.what());
    }
    const auto last = events.empty() ? 0 : static_cast<long long>(events.back().seq);
    if (last != head.seq) {
      return damaged(head, fmt::format("has {} events and should have {}", last, head.seq));
    }
    const bool has_end = !events.empty() && history::is_end(events.back().detail);
    if (has_end != (head.ended != 0)) {
      damaged(head, has_end ? "has ended, and is not known to have" : "should have ended");
    }
  }

  bool is_shown_right(const Head& head, const ProjectedRun& run, const FoldedSteps& steps) {
    try {
      if (projections_.run(head.number) != run) return false;
      std::size_t count = 0;
      for (bool more = select_steps_.execute(true); more; more = select_steps_.fetch()) {
        const auto step = step_.get();
        const auto found = steps.steps.find(step.row.key.text);
        if (found == steps.steps.end() || found->second != step) return false;
        ++count;
      }
      return count == steps.steps.size();
    } catch (const Fault&) {  // a word that stands for nothing
      return false;
    }
  }

  void differs(const std::string& run) {
    ++differing_;
    constexpr std::size_t named_max = 3;
    if (differing_ <= named_max) differing_runs_ += (differing_ > 1 ? ", " : "") + run;
  }

  // Rows of runs that do not exist.
  void find_strays() {
    for (const auto* table : {"history", "runs", "steps"}) {
      long long count = 0;
      connection_.sql() << fmt::format(
          "SELECT count(*) FROM {} WHERE run > 0 AND run NOT IN (SELECT run FROM run_head)", table),
          soci::into(count);
      if (count == 0) continue;
      if (table == std::string_view("history")) {
        add("history", Severity::problem, fmt::format("{} events belong to no run", count),
            "the runs that they belong to are not listed", restore_it);
      } else {
        differs(fmt::format("{} rows of {} that belong to none", count, table));
      }
    }
  }

  void report_projections() {
    out_.projections_differ = true;
    add("projections", Severity::problem,
        fmt::format("what is shown of {} run{} differs from its history ({}{})", differing_,
                    differing_ == 1 ? "" : "s", differing_runs_, differing_ > 3 ? ", …" : ""),
        "lists and details may be wrong; histories are right, and nothing is lost", rebuild_it);
  }

  void report_leftovers() {
    if (out_.leftovers.empty()) return;
    add("deletions", Severity::note,
        fmt::format("files of {} deleted run{} are left", out_.leftovers.size(),
                    out_.leftovers.size() == 1 ? "" : "s"),
        "a deletion was cut off, or something kept it from removing all",
        "agentcmd doctor --fix (or agentcmd runs prune) goes on with it");
  }

  void verify_files() {
    const auto files = list_content(home_);
    const auto references = references_without(connection_, {});
    out_.blobs = references.blobs.size();
    for (const auto& blob : files.blobs) {
      if (references.blobs.contains(blob.name)) continue;
      ++out_.garbage.blobs;
      out_.garbage.bytes += blob.bytes;
    }
    for (const auto& bundle : files.bundles) {
      if (!references.bundles.contains(bundle.name)) ++out_.garbage.bundles;
    }
    for (const auto& part : files.parts) out_.garbage.bytes += part.bytes;
    if (out_.garbage.blobs + files.parts.size() > 0) {
      add("blobs", Severity::note,
          fmt::format("{} blob{} and {} unfinished file{} are referred to by nothing",
                      out_.garbage.blobs, out_.garbage.blobs == 1 ? "" : "s", files.parts.size(),
                      files.parts.size() == 1 ? "" : "s"),
          "writers that were killed left them; they only take space",
          "agentcmd doctor --fix (or agentcmd runs prune) removes them");
    }
    verify_other_blobs(references);
  }

  // Of tables other than the history.
  void verify_other_blobs(const References& references) {
    for (const auto& name : references.blobs) {
      if (blobs_referred_.contains(name)) continue;
      try {
        blobs_.get(name);
      } catch (const Fault& fault) {
        add("blobs", Severity::problem, fault.what(), "something that was sent or asked is lost",
            restore_it);
      }
    }
  }

  Connection& connection_;
  const Home& home_;
  const Fold& fold_;
  Verified& out_;
  Blobs blobs_;
  ProjectionRows projections_;
  long long cursor_ = 0;
  std::size_t differing_ = 0;
  std::string differing_runs_;
  std::set<std::string> blobs_referred_;

  // Bound to the statements.
  long long number_ = 0;
  HistoryRow row_;
  StepColumns step_;
  soci::statement select_rows_;
  soci::statement select_steps_;
};

// Even to read a database, SQLite needs room for an index beside it.
bool is_disk_full(const Home& home) {
  constexpr std::uint64_t index_bytes = 128 * limits::kib;
  struct statvfs disk{};
  return statvfs(home.root.c_str(), &disk) == 0 &&
         static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < index_bytes;
}

Finding full(std::string what) {
  return {.check = "database",
          .severity = Severity::problem,
          .what = std::move(what),
          .meaning =
              "the disk is full, so that the database cannot even be read; nothing recorded "
              "is lost, and nothing needs to be restored",
          .action = "free some space, then agentcmd doctor again"};
}

Finding unreadable(std::string what) {
  return {.check = "database",
          .severity = Severity::problem,
          .what = std::move(what),
          .meaning = "no run can be listed, started or resumed in this home",
          .action = std::string(restore_it)};
}

// False where nothing more can be said of it.
bool verify_file(Connection& connection, Verified& out) {
  std::vector<std::string> complaints;
  std::string complaint;
  soci::statement check =
      (connection.sql().prepare << "PRAGMA integrity_check(5)", soci::into(complaint));
  for (bool more = check.execute(true); more; more = check.fetch()) {
    if (complaint != "ok") complaints.push_back(complaint);
  }
  for (const auto& text : complaints) {
    out.findings.push_back(unreadable("the database is damaged: " + text));
  }
  const auto version = schema_version(connection);
  if (auto newer = newer_than_ours(connection.file(), version); !newer.empty()) {
    out.findings.push_back({.check = "database",
                            .severity = Severity::problem,
                            .what = std::move(newer),
                            .meaning = "this agentcmd does not know what is in it",
                            .action = "upgrade agentcmd"});
    return false;
  }
  if (version.number < migrations().back().version) {
    out.findings.push_back(
        {.check = "database",
         .severity = Severity::note,
         .what = fmt::format("the database has version {}, this agentcmd's is {}", version.number,
                             migrations().back().version),
         .meaning = "the next command that needs it brings it forward, after a backup beside it",
         .action = "agentcmd runs list, then agentcmd doctor again"});
    return false;
  }
  return complaints.empty();
}

}  // namespace

Verified verify_store(const Home& home, const Fold& fold) {
  Verified out;
  const auto file = home.database();
  std::error_code error;
  if (!fs::exists(file, error)) {
    out.findings.push_back({.check = "database",
                            .severity = Severity::note,
                            .what = fmt::format("there is no database in {}", home.root.native()),
                            .meaning = "nothing has been run in this home yet",
                            .action = ""});
    return out;
  }
  out.database_bytes = fs::file_size(file, error);
  const bool is_live = faccessat(AT_FDCWD, home.root.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  try {
    Connection connection(
        file, is_live ? Connection::Others::may_write : Connection::Others::cannot_write);
    with_faults("reading the database", file, [&] {
      const ReadTransaction one_state(connection);
      if (!verify_file(connection, out)) return;
      Verification(connection, home, fold, out).all();
      out.is_readable = true;
    });
  } catch (const Fault& fault) {
    out.findings.push_back(is_disk_full(home) ? full(fault.what()) : unreadable(fault.what()));
  }
  return out;
}

}  // namespace agentcmd::store
