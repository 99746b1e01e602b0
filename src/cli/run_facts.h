#pragma once
// What a run's history says about it that people ask for at its end: outcome, workspace, artifacts.
// A fold over the events, in order.

#include "cli/run_attempts.h"
#include "cli/waiting.h"
#include "history/event.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::cli {

// A file that was kept with the run.
struct Artifact {
  history::StepKey step;
  Json data;  // {"name", "path", "size", "type", …}
};

struct Annotation {
  std::string step;
  std::string phase;
  std::string message;
  Time at;
};

// What an agent's work took: of the last attempt that came to an end.
struct AgentUse {
  std::string session_id;
  Json usage;  // null where the agent reported none
  Json cost_usd;
};

// What a closure has told progress().
std::optional<Json> progress_in(const history::StepCheckpoint& checkpoint);

class RunFacts {
 public:
  void apply(const history::Event& event);

  std::string name;
  std::string definition;
  std::string project;
  std::string mode;
  Json updates = Json::object();  // every field of RunUpdated, the latest value of each
  std::vector<Artifact> artifacts;
  std::vector<Annotation> annotations;
  std::map<history::StepKey, AgentUse> agents;
  RunAttempts attempts;
  std::optional<JsonText> result;
  std::optional<history::Failure> failure;
  std::string paused_reason;  // empty unless paused now
  std::string paused_message;
  Waiting waiting;                            // what is open now
  std::map<history::StepKey, Json> progress;  // what running closures said last
  std::optional<Time> begun;
  std::optional<Time> ended;

  // A field of RunUpdated as text, or empty.
  std::string update(std::string_view field) const;

 private:
  void created(const history::RunCreated& run);
  void updated_fields(const Json& fields);
  void completed(const history::StepCompleted& step);

  std::map<history::StepKey, std::string> step_types_;
};

}  // namespace agentcmd::cli
