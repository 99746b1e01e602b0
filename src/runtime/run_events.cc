// A run and the events of its project: what it is told of, and what it sends.

#include "base/json_slice.h"
#include "base/limits.h"
#include "base/text.h"
#include "runtime/run_actor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::EventReceived;

namespace {

std::string text_of(std::string_view slice) {
  return is_json_string(slice) ? unquote(slice) : std::string();
}

// What the step's input asks to send. Its data are kept byte for byte.
std::vector<store::ProjectEvent> events_in(const steps::Step& step) {
  std::vector<store::ProjectEvent> events;
  const auto config = member(step.input.text, "config");
  for_each_element(member(config, "events"), [&](std::string_view one) {
    const auto data = find_member(one, "data");
    events.push_back(
        {.project = step.run.project.string(),
         .name = text_of(member(one, "name")),
         .data = {std::string(data.value_or("{}"))},
         .source = fmt::format("run {}, step '{}'", step.run.run.text, step.key.text),
         .once = fmt::format("{}/{}#{}", step.run.run.text, step.key.text, events.size())});
  });
  return events;
}

}  // namespace

Result<void> check_event_name(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= limits::event_name_bytes_max &&
      std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (fits) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is no name of an event: it needs 1 to {} bytes without control "
                          "characters",
                          quote(ellipsis(name, limits::event_name_bytes_max)),
                          limits::event_name_bytes_max));
}

void RunActor::look_for_events() {
  if (state_.waits.empty()) return;
  events_due_ = true;
  news_.notify();
}

bool RunActor::waits_for_event(const std::string& project, const std::string& name) const {
  return state_.created.project == project &&
         std::ranges::any_of(state_.waits,
                             [&](const auto& wait) { return wait.second.event == name; });
}

bool RunActor::is_unseen(const EventReceived& event) const {
  const auto last = state_.last_event.find(event.name);
  return last == state_.last_event.end() ||
         last->second < to_integer<std::uint64_t>(event.event).value_or(0);
}

// What came since the last look goes into the inbox, in the order in which it was sent.
Task<> RunActor::receive_events() {
  events_due_ = false;
  std::map<std::string, std::uint64_t> after;
  for (const auto& [key, wait] : state_.waits) {
    const auto last = state_.last_event.find(wait.event);
    after[wait.event] = last == state_.last_event.end() ? 0 : last->second;
  }
  auto events = co_await services_.store.events().of_run(run_, state_.created.project,
                                                         std::move(after), limits::events_at_once);
  if (events.size() == limits::events_at_once) events_due_ = true;  // there may be more
  Details received;
  for (auto& event : events) {
    received.emplace_back(EventReceived{.event = fmt::to_string(event.id),
                                        .name = std::move(event.name),
                                        .sent_at = event.sent_at,
                                        .data = std::move(event.data)});
  }
  post(std::move(received));
}

// The events of one attempt and of those after it are the same: they are named after the step.
Task<steps::Outcome> RunActor::send_events(steps::Step step) {
  auto events = events_in(step);
  for (auto& event : events) {
    event.sent_at = services_.clock.now();
    if (const auto fits = check_event_name(event.name); !fits) {
      co_return steps::Outcome{
          .what = steps::Failed{{.name = "Error", .message = fits.error().message, .final = true}}};
    }
  }
  const auto ids = co_await services_.store.events().add(std::move(events));
  services_.family.events_sent();
  Json texts = Json::array();
  for (const auto id : ids) texts.push_back(fmt::to_string(id));
  co_return steps::Outcome{.what = steps::Completed{.output = {to_text({{"ids", texts}})}}};
}

}  // namespace agentcmd::runtime
