#include "projects/trigger_config.h"

#include "base/duration.h"
#include "base/fault.h"
#include "base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace agentcmd::projects {
namespace {

constexpr std::array overlaps{Overlap::skip, Overlap::queue, Overlap::cancel_old, Overlap::allow};

std::optional<Overlap> overlap_from(std::string_view text) {
  const auto found = std::ranges::find(overlaps, text, [](Overlap one) { return to_string(one); });
  return found == overlaps.end() ? std::nullopt : std::optional(*found);
}

const Json* find_in(const Json& data, std::string_view path) {
  const Json* at = &data;
  while (true) {
    const auto dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(path.substr(0, dot));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
}

std::optional<Milliseconds> duration_in(const Json& value) {
  if (value.is_number_unsigned()) return Milliseconds(value.get<std::int64_t>());
  if (!value.is_string()) return std::nullopt;
  const auto parsed = parse_duration(value.get<std::string>());
  return parsed ? std::optional(Milliseconds(*parsed)) : std::nullopt;
}

class Reading {
 public:
  explicit Reading(const std::string& definition) : definition_(definition) {}

  Result<TriggerConfig> read(const Json& config) {
    const auto triggers = config.find("triggers");
    if (triggers == config.end() || triggers->is_null()) return TriggerConfig{};
    if (!triggers->is_array()) return wrong("triggers must be a list");
    TriggerConfig out;
    for (const auto& trigger : *triggers) {
      ++position_;
      const bool is_event = trigger.is_object() && trigger.contains("event");
      const bool is_cron = trigger.is_object() && trigger.contains("cron");
      if (is_event == is_cron) return wrong("must have either event or cron");
      if (is_event) {
        auto event = event_of(trigger);
        if (!event) return tl::unexpected(event.error());
        out.events.push_back(*std::move(event));
      } else {
        auto cron = cron_of(trigger);
        if (!cron) return tl::unexpected(cron.error());
        cron->name = out.crons.empty() ? definition_
                                       : fmt::format("{}#{}", definition_, out.crons.size() + 1);
        out.crons.push_back(*std::move(cron));
      }
    }
    return out;
  }

 private:
  tl::unexpected<Error> wrong(std::string_view what) const {
    const auto where = position_ == 0 ? "" : fmt::format("trigger {}: ", position_);
    return fail(ErrorCode::invalid_argument,
                fmt::format("the definition '{}': {}{}", definition_, where, what));
  }

  Result<EventTrigger> event_of(const Json& trigger) const {
    EventTrigger event{.event = string_or(trigger, "event"), .condition = {}};
    if (event.event.empty()) return wrong("event must be the name of an event");
    const auto condition = trigger.find("if");
    if (condition == trigger.end() || condition->is_null()) return event;
    if (!condition->is_object()) return wrong("if must be {\"path.in.data\": value}");
    event.condition = *condition;
    return event;
  }

  Result<CronTrigger> cron_of(const Json& trigger) const {
    CronTrigger cron{.name = {},
                     .cron = string_or(trigger, "cron"),
                     .timezone = string_or(trigger, "timezone", "UTC"),
                     .catch_up = limits::schedule_catch_up,
                     .args = {"{}"},
                     .mode = string_or(trigger, "mode", "stay")};
    if (cron.cron.empty()) return wrong("cron must be a pattern such as \"0 9 * * 1-5\"");
    const auto overlap = overlap_from(string_or(trigger, "overlap", "skip"));
    if (!overlap) return wrong("overlap must be skip, queue, cancel-old or allow");
    cron.overlap = *overlap;
    if (const auto given = trigger.find("catchUp"); given != trigger.end()) {
      const auto duration = duration_in(*given);
      if (!duration) return wrong("catchUp must be a duration such as \"2h\"");
      cron.catch_up = *duration;
    }
    if (const auto args = trigger.find("args"); args != trigger.end()) {
      if (!args->is_object()) return wrong("args must be an object");
      cron.args = {to_text(*args)};
    }
    if (cron.mode != "stay" && cron.mode != "branch" && cron.mode != "worktree") {
      return wrong("mode must be stay, branch or worktree");
    }
    return cron;
  }

  const std::string& definition_;
  std::size_t position_ = 0;
};

}  // namespace

std::string_view to_string(Overlap overlap) {
  switch (overlap) {
    case Overlap::skip:
      return "skip";
    case Overlap::queue:
      return "queue";
    case Overlap::cancel_old:
      return "cancel-old";
    case Overlap::allow:
      return "allow";
  }
  return "";
}

bool EventTrigger::wants(const std::string& name, const Json& data) const {
  if (name != event) return false;
  if (condition.is_null()) return true;
  return std::ranges::all_of(condition.items(), [&](const auto& item) {
    const auto* value = find_in(data, item.key());
    return value != nullptr && *value == item.value();
  });
}

Result<TriggerConfig> trigger_config(const std::string& definition, const JsonText& config) {
  const auto json =
      parse_trusted(config.text.empty() ? "{}" : config.text, "a definition's config");
  return Reading(definition).read(json);
}

JsonText spec_of(const CronTrigger& trigger) {
  return {to_text({{"cron", trigger.cron},
                   {"timezone", trigger.timezone},
                   {"overlap", to_string(trigger.overlap)},
                   {"catchUp", trigger.catch_up.count()},
                   {"args", trigger.args.text},
                   {"mode", trigger.mode}})};
}

CronTrigger trigger_from(const std::string& name, const JsonText& spec) {
  const auto json = parse_trusted(spec.text, "a schedule");
  const auto overlap = overlap_from(string_or(json, "overlap"));
  if (!overlap) throw Fault(fmt::format("damaged schedule '{}': {}", name, spec.text));
  return {.name = name,
          .cron = string_or(json, "cron"),
          .timezone = string_or(json, "timezone"),
          .overlap = *overlap,
          .catch_up = Milliseconds(int_or(json, "catchUp")),
          .args = {string_or(json, "args", "{}")},
          .mode = string_or(json, "mode")};
}

}  // namespace agentcmd::projects
