// events send, events list.

#include "base/text.h"
#include "cli/arguments_file.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/text_width.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::cli {
namespace {

constexpr auto ok = static_cast<int>(ExitCode::ok);

// Any JSON; itself, or the content of @FILE (@- is stdin).
Result<JsonText> data_of(const std::optional<std::string>& typed,
                         const std::filesystem::path& cwd) {
  if (!typed) return JsonText{"{}"};
  const auto text = text_or_file("--data", *typed, cwd);
  if (!text) return tl::unexpected(text.error());
  const auto parsed = parse_json(*text, "--data");
  if (!parsed) return tl::unexpected(parsed.error());
  return JsonText{std::string(trim(*text))};
}

Result<std::filesystem::path> project_of(const Services& services, const std::string& named) {
  return named.empty() ? projects::find_project(services.cwd) : projects::named_project(named);
}

Result<store::ProjectEvent> event_of(const Services& services, EventsSendCommand command) {
  if (const auto fits = runtime::check_event_name(command.name); !fits) {
    return tl::unexpected(fits.error());
  }
  auto data = data_of(command.data, services.cwd);
  if (!data) return tl::unexpected(data.error());
  const auto project = project_of(services, command.project);
  if (!project) return tl::unexpected(project.error());
  return store::ProjectEvent{.project = project->string(),
                             .name = std::move(command.name),
                             .data = *std::move(data),
                             .sent_at = services.clock.now(),
                             .source = "events send"};
}

Json to_json(const store::ProjectEvent& event) {
  return {{"id", fmt::to_string(event.id)},
          {"project", event.project},
          {"name", event.name},
          {"data", parse_trusted(event.data.text, "stored event")},
          {"sent_at", to_iso8601(event.sent_at)},
          {"source", event.source}};
}

}  // namespace

Task<int> send_event(Services& services, EventsSendCommand command) {
  const bool json = command.json;
  auto event = event_of(services, std::move(command));
  if (!event) co_return refuse(services, event.error());
  std::vector<store::ProjectEvent> events{*event};
  const auto ids =
      co_await runtime::send_events(services.store(), services.home, std::move(events));
  event->id = ids.front();
  services.output.out(json ? to_pretty_text(to_json(*event)) + "\n"
                           : fmt::format("{} {}\n", event->id, printable(event->name)));
  co_return ok;
}

Task<int> list_events(Services& services, EventsListCommand command) {
  store::EventFilter filter{.name = command.name, .limit = command.limit};
  if (!command.all) {
    const auto project = project_of(services, command.project);
    if (!project) co_return refuse(services, project.error());
    filter.project = project->string();
  }
  const auto events = co_await services.store().events().list(std::move(filter));
  if (command.json) {
    Json all = Json::array();
    for (const auto& event : events) all.push_back(to_json(event));
    services.output.out(to_pretty_text(all) + "\n");
    co_return ok;
  }
  constexpr std::size_t data_bytes_max = 200;
  for (const auto& event : events) {
    services.output.line(fmt::format("{:>6}  {}  {}  {}", event.id,
                                     to_iso8601(event.sent_at).substr(0, 19), printable(event.name),
                                     ellipsis(printable(event.data.text), data_bytes_max)));
  }
  if (events.empty()) {
    services.output.err("No events yet. Send one: agentcmd events send NAME --data JSON\n");
  }
  co_return ok;
}

}  // namespace agentcmd::cli
