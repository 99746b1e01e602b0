// queue: the runs that wait until they may start.

#include "base/duration.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/text_width.h"
#include "projects/project.h"
#include "runtime/run_queue.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

Json to_json(const runtime::QueuedRun& queued) {
  const auto& place = queued.place;
  return {{"run", place.run.text},
          {"definition", place.definition},
          {"project", place.project},
          {"position", queued.position == 0 ? Json() : Json(queued.position)},
          {"since", to_iso8601(place.created_at)},
          {"reason", queued.reason}};
}

std::string line_of(const runtime::QueuedRun& queued, Time now) {
  const auto& place = queued.place;
  const auto waited = std::max(now - place.created_at, Milliseconds(0));
  return fmt::format("{:>3}  {}  {}  {}  since {} ({})\n     {}",
                     queued.position == 0 ? "-" : fmt::to_string(queued.position), place.run.text,
                     printable(place.definition), printable(place.project),
                     to_iso8601(place.created_at).substr(0, 19), format_duration(waited),
                     queued.reason.empty() ? "starts now" : printable(queued.reason));
}

}  // namespace

Task<int> show_queue(Services& services, QueueCommand command) {
  std::string only;
  if (!command.project.empty()) {
    const auto project = projects::named_project(command.project);
    if (!project) co_return refuse(services, project.error());
    only = project->string();
  }
  auto queued = co_await runtime::queued_runs(services.store(), services.home, services.limits);
  std::erase_if(queued,
                [&](const auto& one) { return !only.empty() && one.place.project != only; });
  if (command.json) {
    Json all = Json::array();
    for (const auto& one : queued) all.push_back(to_json(one));
    services.output.out(to_pretty_text(all) + "\n");
  } else {
    for (const auto& one : queued) services.output.line(line_of(one, services.clock.now()));
    if (queued.empty()) services.output.err("No run waits for a place.\n");
  }
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
