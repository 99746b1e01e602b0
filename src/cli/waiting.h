#pragma once
// What a run waits for: its open gates, events and timers, and whether steps are under way besides.
// A fold over the events, in order; what its children wait a person for is added by whoever looks
// (child_waits.h).

#include "history/event.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::cli {

struct OpenGate {
  history::StepKey key;
  std::string name;  // as the workflow's author wrote the id
  std::string title;
  std::string body;
  std::vector<std::string> options;
  std::string default_option;  // of a plain yes; may be empty
  history::StepKey step;       // that asks, while it runs; empty: the workflow's code
  std::optional<Time> until;
  std::string answered_by;  // somebody whose answer no process has taken yet; not in the history
  history::RunId child;     // whose gate it is; empty: of the run itself
  bool operator==(const OpenGate&) const = default;
};

struct OpenWait {
  std::string name;
  std::string event;
  std::optional<Time> until;
};

struct OpenTimer {
  std::string name;
  Time until;
};

struct PausedChild {
  history::RunId run;
  std::string message;
};

// Of the children that a run waits for, and theirs.
struct ChildWaits {
  std::vector<OpenGate> gates;
  std::vector<PausedChild> paused;
};

class Waiting {
 public:
  void apply(const history::Detail& detail);

  std::map<history::StepKey, OpenGate> gates;
  std::map<history::StepKey, OpenWait> waits;
  std::map<history::StepKey, OpenTimer> timers;
  std::set<history::StepKey> steps;                    // scheduled, and not ended
  std::map<history::StepKey, history::RunId> invoked;  // children of those
  ChildWaits children;

  // One line each, for people: "approval 'deploy': Ship it?".
  std::vector<std::string> lines() const;
  // [{"kind": "gate" | "event" | "timer" | "child", "key", "name", …, "until"}]; a gate of a
  // child's names it as "run", and a child that is paused has "run" and "message" only.
  Json to_json() const;

 private:
  void end(const history::StepKey& key);
};

// "approval 'deploy': Ship it?", or "approval 'deploy' of run r_2: Ship it?".
std::string describe(const OpenGate& gate);

// What answers the gate, to be typed: "agentcmd approve r_1 deploy --option staging".
std::string approve_command(const history::RunId& run, const OpenGate& gate);
std::string deny_command(const history::RunId& run, const OpenGate& gate);

}  // namespace agentcmd::cli
