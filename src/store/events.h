#pragma once
// Project events: what is sent to a project by name, for runs that wait for it now or later. They
// are rows of their own, not of any run's history; a run that takes one up records it there
// (history::EventReceived).
//
// (1) ids grow, and are never used twice; (2) an event is never changed; (3) a run sees the events
// that came after its RunCreated, by id and not by time: clocks may be set back.

#include "async/task.h"
#include "base/clock.h"
#include "history/event.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

struct ProjectEvent {
  std::uint64_t id = 0;
  std::string project;  // absolute path
  std::string name;
  JsonText data;
  Time sent_at;
  std::string source;  // who sent it, for people: "events send", "run r1, step 'tell'"
  // Where it is not empty, an event that was sent with the same text before is the same event.
  std::string once;
  bool operator==(const ProjectEvent&) const = default;
};

struct EventFilter {
  std::string project;  // empty: all
  std::string name;     // empty: all
  std::size_t limit = 50;
};

// An event without what it carries.
struct EventHeading {
  std::uint64_t id = 0;
  std::string project;
  std::string name;
  bool operator==(const EventHeading&) const = default;
};

class Events {
 public:
  virtual ~Events() = default;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Durable upon return, all or none; their ids, in order. An event that was there already (`once`)
  // is left as it is, and its id is returned.
  virtual Task<std::vector<std::uint64_t>> add(std::vector<ProjectEvent> events) = 0;

  // Those of its project that the run may see, of each name in `after` those with a greater id than
  // stands there; oldest first, at most `limit`.
  virtual Task<std::vector<ProjectEvent>> of_run(history::RunId run, std::string project,
                                                 std::map<std::string, std::uint64_t> after,
                                                 std::size_t limit) = 0;

  // Of all projects, those with an id above `after`; oldest first, at most `limit`.
  virtual Task<std::vector<EventHeading>> since(std::uint64_t after, std::size_t limit) = 0;

  // The greatest id; 0 where there is no event.
  virtual Task<std::uint64_t> last() = 0;

  // Nothing for an id that no event has.
  virtual Task<std::optional<ProjectEvent>> find(std::uint64_t id) = 0;

  // Newest first.
  virtual Task<std::vector<ProjectEvent>> list(EventFilter filter) = 0;

 protected:
  Events() = default;
};

}  // namespace agentcmd::store
