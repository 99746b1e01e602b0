#pragma once
// What starts runs by itself: schedules with what has become of them, how far the events have been
// looked at, and what causes have come to (places.h: RunStart::causes).

#include "async/task.h"
#include "base/clock.h"
#include "base/json.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace agentcmd::store {

class Reader;
class Writer;

struct ScheduleKey {
  std::string project;
  std::string definition;
  std::string name;
  auto operator<=>(const ScheduleKey&) const = default;
};

// A time of the epoch stands for none.
struct Schedule {
  ScheduleKey key;
  std::string file;  // of the definition
  JsonText spec;     // as the definition declares it
  Time next_due;     // none: never
  Time last_due;     // the last due time that was dealt with
  std::string last_run;
  std::string last_message;  // why the last due time came to no run
  std::uint64_t missed = 0;  // due times that came to nothing, since nobody looked in time
  bool paused = false;
  std::string paused_by;
  std::string error;  // why it starts nothing: its definition or its pattern is broken
};

// What the due times up to `last_due` came to.
struct ScheduleStep {
  Time next_due;
  Time last_due;
  std::string run;
  std::string message;
  std::uint64_t missed = 0;
};

struct StartNote {
  std::string project;
  std::string definition;
  std::string cause;
  std::string run;      // empty: none
  std::string message;  // why none
  Time at;
};

class Triggers {
 public:
  virtual ~Triggers() = default;
  Triggers(const Triggers&) = delete;
  Triggers& operator=(const Triggers&) = delete;

  // By project, definition and name.
  virtual Task<std::vector<Schedule>> schedules() = 0;

  // Keys, files, specs, errors and next due times as declared now. One whose spec is as before
  // keeps its next due time; what has become of each is kept.
  virtual Task<> declare(std::vector<Schedule> schedules) = 0;
  // The definitions in this file of the project cannot be used; their schedules are kept.
  virtual Task<> set_error(std::string project, std::string file, std::string error) = 0;
  virtual Task<> remove(ScheduleKey key) = 0;

  // False if another process has moved it on from `next_due` meanwhile.
  virtual Task<bool> advance(ScheduleKey key, Time next_due, ScheduleStep step) = 0;
  // False if there is no such schedule.
  virtual Task<bool> pause(ScheduleKey key, std::string by) = 0;
  virtual Task<bool> resume(ScheduleKey key, Time next_due) = 0;

  // Of which there are runs, events or schedules.
  virtual Task<std::vector<std::string>> projects() = 0;

  // Id of the last event of the project that was looked at; `project` empty: of any.
  virtual Task<std::uint64_t> cursor(std::string project) = 0;
  // Never back. Also forgets what old causes have come to.
  virtual Task<> move_cursor(std::string project, std::uint64_t to, Time forget_before) = 0;

  // The cause has come to nothing, if it has not come to something else before.
  virtual Task<> note(StartNote note) = 0;
  // Of events and due times, newest first. `project` empty: of all.
  virtual Task<std::vector<StartNote>> starts(std::string project, std::size_t limit) = 0;

 protected:
  Triggers() = default;
};

// Both outlive it.
std::unique_ptr<Triggers> make_triggers(Writer& writer, Reader& reader);

}  // namespace agentcmd::store
