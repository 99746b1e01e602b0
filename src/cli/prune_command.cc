// runs prune and runs delete: what goes, what stays, and why.

#include "base/bytes.h"
#include "base/duration.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/text_width.h"
#include "projects/project.h"
#include "runtime/retention.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

using runtime::PruneReport;

Json to_json(const runtime::DeletedRun& run) {
  return {{"id", run.run.id.text},
          {"definition", run.run.definition},
          {"name", run.run.name},
          {"project", run.run.project},
          {"status", store::to_string(run.run.status)},
          {"created_at", to_iso8601(run.run.created_at)},
          {"ended_at", to_iso8601(run.run.ended_at)},
          {"bytes",
           {{"history", run.history_bytes},
            {"files", run.file_bytes},
            {"worktrees", run.worktree_bytes}}}};
}

Json to_json(const std::vector<runtime::KeptRun>& runs) {
  Json all = Json::array();
  for (const auto& run : runs) all.push_back({{"id", run.run.text}, {"reason", run.why}});
  return all;
}

std::uint64_t bytes_of(const PruneReport& report) {
  auto bytes = report.garbage.bytes;
  for (const auto& run : report.deleted) {
    bytes += run.history_bytes + run.file_bytes + run.worktree_bytes;
  }
  return bytes;
}

Json document(const PruneReport& report, bool dry_run) {
  Json deleted = Json::array();
  for (const auto& run : report.deleted) deleted.push_back(to_json(run));
  return {{"dry_run", dry_run},
          {"deleted", std::move(deleted)},
          {"kept", to_json(report.kept)},
          {"unfinished", to_json(report.unfinished)},
          {"finished", report.finished},
          {"garbage",
           {{"blobs", report.garbage.blobs},
            {"bundles", report.garbage.bundles},
            {"bytes", report.garbage.bytes},
            {"in_use", report.garbage.in_use}}},
          {"bytes", bytes_of(report)}};
}

void print_deleted(Output& output, const runtime::DeletedRun& run, bool dry_run) {
  const auto bytes = run.history_bytes + run.file_bytes + run.worktree_bytes;
  output.line(fmt::format("{}  {}  {:<9}  {}  {:>7}  {}", dry_run ? "would go" : "deleted ",
                          run.run.id.text, store::to_string(run.run.status),
                          to_iso8601(run.run.ended_at).substr(0, 19), format_bytes(bytes),
                          printable(run.run.name.empty() ? run.run.definition : run.run.name)));
}

void print_report(Output& output, const PruneReport& report, bool dry_run) {
  for (const auto& run : report.deleted) print_deleted(output, run, dry_run);
  for (const auto& run : report.kept) {
    output.line(fmt::format("kept      {}  {}", run.run.text, printable(run.why)));
  }
  for (const auto& run : report.unfinished) {
    output.complain(
        fmt::format("files of the deleted run {} are left: {}", run.run.text, printable(run.why)));
  }
  if (report.finished > 0) {
    output.line(fmt::format("finished {} deletion{} that had been cut off", report.finished,
                            report.finished == 1 ? "" : "s"));
  }
  output.line(fmt::format("{} run{}, {}{}", report.deleted.size(),
                          report.deleted.size() == 1 ? "" : "s", format_bytes(bytes_of(report)),
                          dry_run ? ". Nothing was deleted: this was a dry run" : ""));
  if (report.garbage.in_use) {
    output.complain(
        "another process relies on blobs at this moment (a backup?); those that nothing refers to "
        "go with the next 'agentcmd runs prune'");
  }
}

int say(Services& services, const PruneReport& report, bool dry_run, bool json) {
  if (json) {
    services.output.out(to_pretty_text(document(report, dry_run)) + "\n");
  } else {
    print_report(services.output, report, dry_run);
  }
  return static_cast<int>(report.unfinished.empty() ? ExitCode::ok : ExitCode::failed);
}

// Flags replace the configuration as a whole, so that a limit that is not typed does not surprise.
Result<runtime::RetentionPolicy> policy_of(const Services& services,
                                           const RunsPruneCommand& command) {
  runtime::RetentionPolicy policy;
  policy.keep = command.keep;
  if (command.older_than) {
    const auto age = parse_duration(*command.older_than);
    if (!age) {
      return fail(age.error().code, fmt::format("--older-than: {}", age.error().message));
    }
    policy.older_than = *age;
  }
  if (!policy.is_set()) policy = services.retention;
  if (!policy.is_set()) {
    return fail(ErrorCode::invalid_argument,
                "say which runs may go: --older-than 30d, --keep 100 (both: only what both let "
                "go), or set \"retention\": {\"days\": 30, \"runs\": 100} in config.json");
  }
  return policy;
}

}  // namespace

Task<int> prune_runs(Services& services, RunsPruneCommand command) {
  auto policy = policy_of(services, command);
  if (!policy) co_return refuse(services, policy.error());
  runtime::PruneOptions options{
      .home = services.home, .policy = *policy, .dry_run = command.dry_run};
  if (!command.project.empty()) {
    const auto project = projects::named_project(command.project);
    if (!project) co_return refuse(services, project.error());
    options.project = project->string();
  }
  const auto report = co_await runtime::prune_runs(services.executor, services.store(),
                                                   services.clock, std::move(options));
  co_return say(services, report, command.dry_run, command.json);
}

Task<int> delete_runs(Services& services, RunsDeleteCommand command) {
  std::vector<history::RunId> runs;
  for (const auto& id : command.runs) {
    const auto run = co_await services.store().catalog().find_run(id);
    if (!run) co_return refuse(services, run.error());
    runs.push_back(run->id);
  }
  const auto report = co_await runtime::delete_runs(services.executor, services.store(),
                                                    services.clock, services.home, std::move(runs));
  const int code = say(services, report, false, command.json);
  co_return report.kept.empty() ? code : static_cast<int>(ExitCode::failed);
}

}  // namespace agentcmd::cli
