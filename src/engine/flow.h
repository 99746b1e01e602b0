#pragma once
// Who may start. A run has to have a place before its code runs: one of the home, one of its
// project, and one in each group of its definition (concurrency, singleton). Pure: a function of
// the limits and of who has places and who wants them, decided anew whenever something changes.
//
//   (1) no more runs of a group have places than the limit that the next one names;
//   (2) no run of its own takes a place of the home or of the project beyond the limit. Runs that
//       only wait (for a timer, an event, a person) take none of these, and what goes on after
//       having waited, what is taken over after a crash, and children of runs ask for none: they
//       have begun, and to hold them up could make two runs wait for each other;
//   (3) among the runs that could start, the project with the fewest running ones is served first;
//       of several, the one that has not been served for longest; within a project the highest
//       priority, then the oldest;
//   (4) a run that a group holds up holds up no other.

#include "base/clock.h"
#include "history/event.h"
#include "history/flow.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace agentcmd::engine {

// 0: no limit.
struct FlowLimits {
  std::uint32_t runs = 0;
  std::uint32_t runs_per_project = 0;
  bool operator==(const FlowLimits&) const = default;
};

struct HeldPlace {
  history::RunId run;
  std::string project;
  std::string parent;               // the run that invoked it; empty: none
  std::vector<std::string> groups;  // ids of those in which it has a place
  bool works = true;                // it does not only wait
};

struct WantedPlace {
  history::RunId run;
  std::string project;
  std::string parent;
  history::Flow flow;
  bool begun = false;       // its code has run already: it was taken over
  std::uint64_t order = 0;  // of creation
};

struct FlowSituation {
  FlowLimits limits;
  std::vector<HeldPlace> held;
  std::vector<WantedPlace> wanted;
  std::map<std::string, std::uint64_t> served;  // by project: when last; greater is later
};

struct HeldUp {
  history::RunId run;
  std::size_t position = 0;  // from 1: when its turn is, if places become free one by one
  std::string reason;        // "2 of 2 runs of 'deploy' with key 'prod' are running: r_12, r_13"
};

struct FlowDecision {
  std::vector<history::RunId> start;  // in this order
  std::vector<HeldUp> wait;           // by position
};

FlowDecision decide_places(const FlowSituation& situation);

// Whether the run gets a place whatever the others do, so that nobody needs to look at them.
bool is_unlimited(const WantedPlace& wanted, const FlowLimits& limits);

}  // namespace agentcmd::engine
