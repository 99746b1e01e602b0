#pragma once
// The runs of a driver that sleep: nothing is kept of them but what would wake them (a moment, an
// event, the end of a child), so that ten thousand of them cost little. What they are is in their
// histories. Pure: time and events are told.

#include "base/clock.h"
#include "history/event.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::runtime {

struct Sleeper {
  history::RunId run;
  std::string project;
  std::optional<Time> due;               // when the clock wakes it
  std::vector<std::string> events;       // names of the events that it waits for
  std::vector<history::RunId> children;  // whose ends it waits for
  bool operator==(const Sleeper&) const = default;
};

class Sleepers {
 public:
  // Replaces what is known of the run.
  void add(Sleeper sleeper);

  // It is awake. Nothing where it does not sleep.
  std::optional<Sleeper> take(const history::RunId& run);

  bool contains(const history::RunId& run) const { return sleepers_.contains(run); }
  std::size_t size() const { return sleepers_.size(); }

  // When the first of them is due.
  std::optional<Time> next() const;

  std::vector<history::RunId> due(Time at) const;  // the earliest first
  std::vector<history::RunId> waiting_for(const std::string& project,
                                          const std::string& event) const;
  std::vector<history::RunId> waiting_for_any_event() const;
  std::vector<history::RunId> parents_of(const history::RunId& child) const;
  // Children that somebody waits for.
  std::vector<history::RunId> children() const;

 private:
  struct Entry {
    std::string project;
    std::optional<Time> due;
    std::vector<std::string> events;
    std::vector<history::RunId> children;
  };

  void forget(const history::RunId& run, const Entry& entry);

  // The sets name runs of `sleepers_`.
  std::map<history::RunId, Entry> sleepers_;
  std::set<std::pair<Time, history::RunId>> by_time_;
  std::map<std::pair<std::string, std::string>, std::set<history::RunId>> by_event_;
  std::map<history::RunId, std::set<history::RunId>> by_child_;
};

}  // namespace agentcmd::runtime
