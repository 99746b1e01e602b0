#pragma once
// What a definition declares to start it by itself:
//
//   triggers: [{event: "pull/opened", if?: {"path.in.data": value}},
//              {cron: "0 9 * * 1-5", timezone?, overlap?, catchUp?, args?, mode?}]
//
// The event workflow/<id> always starts it; the data of an event are the arguments.

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

#include <string>
#include <vector>

namespace agentcmd::projects {

struct EventTrigger {
  std::string event;
  Json condition;  // an object: path in the data to the value that must be there; or null
  bool operator==(const EventTrigger&) const = default;

  bool wants(const std::string& name, const Json& data) const;
};

// What happens at a due time when the run of an earlier one is not over.
enum class Overlap { skip, queue, cancel_old, allow };
std::string_view to_string(Overlap overlap);

struct CronTrigger {
  std::string name;  // of the schedule: the definition's id, "#2" and so on for more
  std::string cron;
  std::string timezone = "UTC";
  Overlap overlap = Overlap::skip;
  // A due time that nobody looked at is made up for so long.
  Milliseconds catch_up{};
  JsonText args;  // an object
  std::string mode = "stay";
  bool operator==(const CronTrigger&) const = default;
};

struct TriggerConfig {
  std::vector<EventTrigger> events;
  std::vector<CronTrigger> crons;
};

// `config` is that of script::WorkflowInfo. invalid_argument says what of the definition is wrong.
Result<TriggerConfig> trigger_config(const std::string& definition, const JsonText& config);

// A schedule as it is stored, and back; the latter throws Fault for what spec_of did not write.
JsonText spec_of(const CronTrigger& trigger);
CronTrigger trigger_from(const std::string& name, const JsonText& spec);

}  // namespace agentcmd::projects
