#pragma once
// Runs that have not ended, and which of them have a place, that is: may execute their code
// (engine/flow.h decides that). Several processes of one home agree because a place is given within
// a transaction, by a decision on what the table says then.
//
// A run holds its place for the driver that it was given under. When that one is gone, or has lost
// the run, the place is free without anybody's doing.

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "history/event.h"
#include "store/catalog.h"
#include "store/history_log.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

struct Place {
  history::RunId run;
  std::string project;
  std::string definition;
  std::string parent;       // the run that invoked it
  std::string flow;         // history/flow.h
  std::uint64_t order = 0;  // of creation
  Time created_at;
  std::string owner;  // the run's driver
  // The driver under which it was given a place; empty: it waits for one; "-": it does not, since
  // its driver has left it as it is.
  std::string holder;
  bool begun = false;  // its code has run
  RunStatus status = RunStatus::queued;

  bool is_held() const { return !holder.empty() && holder == owner; }
  // A run that was taken over waits again; one that has begun only when it is asked for.
  bool waits() const { return holder.empty() || (!begun && !is_held() && holder != "-"); }
};

struct PlaceTable {
  std::vector<Place> places;                    // by order
  std::map<std::string, std::uint64_t> served;  // by project: when it last got one; later: greater
};

// Called within a transaction, on the writer's thread: which runs get a place now. It may be called
// again, with another table.
using DecidePlaces = std::function<std::vector<history::RunId>(const PlaceTable&)>;

// What starts a run: an event, a due time, a key. One cause starts at most one run of a definition
// in its project.
struct Cause {
  std::string text;  // "event 17"
  // It starts another run when retention has removed the first one (a key); otherwise it never does
  // so again (an event).
  bool can_be_repeated = false;
};

// A run to be created, unless there is a reason not to.
struct RunStart {
  RunAppend creation;
  std::vector<Cause> causes;
  // The groups in which no other run may be under way, else nothing is created, and that is what
  // the causes that cannot be repeated have come to.
  std::vector<std::string> refuse_if;
  // The groups whose other runs are asked to cancel.
  std::vector<std::string> cancel;
  std::string by;  // who asks that
};

struct StartedRun {
  history::RunId run;  // empty: the cause has come to something else, or its run is gone
  bool is_new = false;
  bool has_place = false;
  std::string message;             // of a cause that came to something else
  std::vector<std::string> asked;  // drivers of runs that were asked to cancel
};

class Places {
 public:
  virtual ~Places() = default;
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  // All that matter to others: without those that only wait and are in no group.
  virtual Task<PlaceTable> table() = 0;
  // Nothing for a run that has ended or does not exist.
  virtual Task<std::optional<Place>> find(history::RunId run) = 0;

  // Gives the places that `decide` says, each in the name of the run's owner. Durable upon return.
  virtual Task<std::vector<history::RunId>> give(DecidePlaces decide) = 0;
  // The run waits for a place from here on.
  virtual Task<> ask(history::RunId run) = 0;
  // The run holds no place and waits for none, if it still holds its place under `driver`.
  virtual Task<> give_back(history::RunId run, std::string driver) = 0;

  // Owners of runs without a place: whom to wake when one is free.
  virtual Task<std::vector<std::string>> waiting_owners() = 0;

  // Creates the run, and gives it a place if `decide` (it may be empty) says so. conflict, naming
  // the run that keeps it from being created. `is_alive` says whether a driver lives; it is called
  // within the transaction too.
  virtual Task<Result<StartedRun>> start(RunStart start, DecidePlaces decide,
                                         std::function<bool(const std::string&)> is_alive) = 0;

 protected:
  Places() = default;
};

}  // namespace agentcmd::store
