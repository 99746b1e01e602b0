#include "store/projection_rows.h"

#include "base/fault.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::store {
namespace {

constexpr std::array<std::string_view, 7> run_statuses{"queued",    "running", "waiting",  "paused",
                                                       "completed", "failed",  "cancelled"};
constexpr std::array<std::string_view, 8> step_statuses{
    "queued", "running", "waiting", "completed", "failed", "timed_out", "cancelled", "lost"};

template <typename Status>
Status status_from(std::span<const std::string_view> names, const std::string& name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Status>(i);
  }
  throw Fault(
      fmt::format("'{}' is no status: make the projections again (agentcmd doctor "
                  "--rebuild)",
                  name));
}

void set_time(const std::optional<Time>& from, long long& millis, soci::indicator& set) {
  millis = from ? to_millis(*from) : 0;
  set = from ? soci::i_ok : soci::i_null;
}

std::optional<Time> get_time(long long millis, soci::indicator set) {
  if (set == soci::i_null) return std::nullopt;
  return from_millis(millis);
}

}  // namespace

std::string_view to_string(RunStatus status) {
  return run_statuses.at(static_cast<std::size_t>(status));
}

std::string_view to_string(StepStatus status) {
  return step_statuses.at(static_cast<std::size_t>(status));
}

RunStatus run_status_from(const std::string& name) {
  return status_from<RunStatus>(run_statuses, name);
}

std::map<std::string, std::uint64_t> event_ids_from(const std::string& text) {
  if (text.empty()) return {};
  return parse_trusted(text, "events of a run").get<std::map<std::string, std::uint64_t>>();
}

void RunColumns::set(long long number, const ProjectedRun& from) {
  const auto& row = from.row;
  run = number;
  name = row.name;
  definition = row.definition;
  file = row.file;
  project = row.project;
  code_hash = row.code_hash;
  status = to_string(row.status);
  phase = row.phase;
  reason = row.reason;
  branch = row.branch;
  working_dir = row.working_dir;
  pr_url = row.pr_url;
  created_event = from.created_event;
  result_event = from.result_event.value_or(0);
  result_set = from.result_event ? soci::i_ok : soci::i_null;
  created_at = to_millis(row.created_at);
  set_time(row.started_at, started_at, started_set);
  set_time(row.ended_at, ended_at, ended_set);
  events = static_cast<long long>(row.events);
  paused = from.paused ? 1 : 0;
  steps_active = from.steps_active;
  steps_waiting = from.steps_waiting;
  origin = row.origin;
  parent = row.parent;
  parent_key = row.parent_key;
  forked_from = row.forked_from;
  forked_at = row.forked_at;
  events_seen = from.events_seen.empty() ? "" : to_text(Json(from.events_seen));
}

ProjectedRun RunColumns::get() const {
  ProjectedRun out{.created_event = created_event,
                   .paused = paused != 0,
                   .steps_active = steps_active,
                   .steps_waiting = steps_waiting};
  if (result_set == soci::i_ok) out.result_event = result_event;
  auto& row = out.row;
  row.name = name;
  row.definition = definition;
  row.file = file;
  row.project = project;
  row.code_hash = code_hash;
  row.status = status_from<RunStatus>(run_statuses, status);
  row.phase = phase;
  row.reason = reason;
  row.branch = branch;
  row.working_dir = working_dir;
  row.pr_url = pr_url;
  row.created_at = from_millis(created_at);
  row.started_at = get_time(started_at, started_set);
  row.ended_at = get_time(ended_at, ended_set);
  row.events = static_cast<std::uint64_t>(events);
  row.origin = origin;
  row.parent = parent;
  row.parent_key = parent_key;
  row.forked_from = forked_from;
  row.forked_at = forked_at;
  out.events_seen = event_ids_from(events_seen);
  return out;
}

void StepColumns::set(long long number, const ProjectedStep& from) {
  const auto& row = from.row;
  run = number;
  key = row.key.text;
  position = static_cast<long long>(from.position);
  type = row.type;
  name = row.name;
  phase = row.phase;
  status = to_string(row.status);
  attempts = row.attempts;
  success = row.success ? 1 : 0;
  error = row.error;
  scheduled_at = to_millis(row.scheduled_at);
  set_time(row.started_at, started_at, started_set);
  set_time(row.ended_at, ended_at, ended_set);
  set_time(row.due_at, due_at, due_set);
  event = row.event;
}

ProjectedStep StepColumns::get() const {
  return {.row = {.key = {key},
                  .type = type,
                  .name = name,
                  .phase = phase,
                  .status = status_from<StepStatus>(step_statuses, status),
                  .attempts = static_cast<std::uint32_t>(attempts),
                  .success = success != 0,
                  .error = error,
                  .scheduled_at = from_millis(scheduled_at),
                  .started_at = get_time(started_at, started_set),
                  .ended_at = get_time(ended_at, ended_set),
                  .due_at = get_time(due_at, due_set),
                  .event = event},
          .position = static_cast<std::uint64_t>(position)};
}

soci::details::prepare_temp_type into_columns(soci::details::prepare_temp_type statement,
                                              RunColumns& c) {
  using soci::into;
  return std::move((statement, into(c.run), into(c.name), into(c.definition), into(c.file),
                    into(c.project), into(c.code_hash), into(c.status), into(c.phase),
                    into(c.reason), into(c.branch), into(c.working_dir), into(c.pr_url),
                    into(c.created_event), into(c.result_event, c.result_set), into(c.created_at),
                    into(c.started_at, c.started_set), into(c.ended_at, c.ended_set),
                    into(c.events), into(c.paused), into(c.steps_active), into(c.steps_waiting),
                    into(c.origin), into(c.parent), into(c.parent_key), into(c.events_seen),
                    into(c.forked_from), into(c.forked_at)));
}

soci::details::prepare_temp_type into_columns(soci::details::prepare_temp_type statement,
                                              StepColumns& c) {
  using soci::into;
  return std::move((statement, into(c.run), into(c.key), into(c.position), into(c.type),
                    into(c.name), into(c.phase), into(c.status), into(c.attempts), into(c.success),
                    into(c.error), into(c.scheduled_at), into(c.started_at, c.started_set),
                    into(c.ended_at, c.ended_set), into(c.due_at, c.due_set), into(c.event)));
}

ProjectionRows::ProjectionRows(Connection& connection)
    : select_run_(into_columns((connection.sql().prepare << fmt::format(
                                    "SELECT {} FROM runs WHERE run = :run", RunColumns::names),
                                soci::use(run_.run)),
                               run_)),
      select_step_(into_columns(
          (connection.sql().prepare << fmt::format(
               "SELECT {} FROM steps WHERE run = :run AND key = :key", StepColumns::names),
           soci::use(step_.run), soci::use(step_.key)),
          step_)),
      put_run_(
          (connection.sql().prepare
               << fmt::format("INSERT OR REPLACE INTO runs({}) VALUES(:a, :b, :c, :d, :e, :f, "
                              ":g, :h, :i, :j, :k, :l, :m, :n, :o, :p, :q, :r, :s, :t, :u, :v, :w, "
                              ":x, :y, :fork, :at)",
                              RunColumns::names),
           soci::use(run_.run), soci::use(run_.name), soci::use(run_.definition),
           soci::use(run_.file), soci::use(run_.project), soci::use(run_.code_hash),
           soci::use(run_.status), soci::use(run_.phase), soci::use(run_.reason),
           soci::use(run_.branch), soci::use(run_.working_dir), soci::use(run_.pr_url),
           soci::use(run_.created_event), soci::use(run_.result_event, run_.result_set),
           soci::use(run_.created_at), soci::use(run_.started_at, run_.started_set),
           soci::use(run_.ended_at, run_.ended_set), soci::use(run_.events), soci::use(run_.paused),
           soci::use(run_.steps_active), soci::use(run_.steps_waiting), soci::use(run_.origin),
           soci::use(run_.parent), soci::use(run_.parent_key), soci::use(run_.events_seen),
           soci::use(run_.forked_from), soci::use(run_.forked_at))),
      put_step_((connection.sql().prepare
                     << fmt::format("INSERT OR REPLACE INTO steps({}) VALUES(:a, :b, :c, :d, :e, "
                                    ":f, :g, :h, :i, :j, :k, :l, :m, :n, :o)",
                                    StepColumns::names),
                 soci::use(step_.run), soci::use(step_.key), soci::use(step_.position),
                 soci::use(step_.type), soci::use(step_.name), soci::use(step_.phase),
                 soci::use(step_.status), soci::use(step_.attempts), soci::use(step_.success),
                 soci::use(step_.error), soci::use(step_.scheduled_at),
                 soci::use(step_.started_at, step_.started_set),
                 soci::use(step_.ended_at, step_.ended_set), soci::use(step_.due_at, step_.due_set),
                 soci::use(step_.event))) {}

std::optional<ProjectedRun> ProjectionRows::run(long long number) {
  run_.run = number;
  if (!select_one(select_run_)) return std::nullopt;
  return run_.get();
}

std::optional<ProjectedStep> ProjectionRows::step(long long number, const history::StepKey& key) {
  step_.run = number;
  step_.key = key.text;
  if (!select_one(select_step_)) return std::nullopt;
  return step_.get();
}

void ProjectionRows::put(long long number, const ProjectedRun& run) {
  run_.set(number, run);
  put_run_.execute(true);
}

void ProjectionRows::put(long long number, const ProjectedStep& step) {
  step_.set(number, step);
  put_step_.execute(true);
}

}  // namespace agentcmd::store
