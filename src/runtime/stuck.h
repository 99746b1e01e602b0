#pragma once
// The check of the second promise, over all runs of a home that have not ended: each waits for
// something that has a name (engine/why.h). The driver of a run checks its own once it has taken it
// up and with Driver::check_stuck(), where it also sees what nobody else can, and helps.

#include "async/task.h"
#include "base/clock.h"
#include "engine/why.h"
#include "store/store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct StuckRun {
  history::RunId run;
  std::vector<std::string> reasons;  // for people
};

// What is known around a run from outside of its driver. `events` is its whole history.
engine::WhyFacts facts_about(const store::Home& home, const store::RunRow& run,
                             const std::vector<history::Event>& events, Time now);

// To be kept between checks: a run is read again only when something has happened to it, or its
// time has come.
class StuckCheck {
 public:
  StuckCheck(store::Store& store, store::Home home, const Clock& clock);

  // Those that are stuck now. A run that cannot be read is one of them.
  Task<std::vector<StuckRun>> check();

 private:
  struct Known {
    std::uint64_t events = 0;
    std::optional<Time> look_again_at;  // nothing: only when there are more events
  };

  bool is_fine(const Known& known, std::uint64_t events) const;
  Task<std::vector<std::string>> look_at(store::RunRow run);

  store::Store& store_;
  store::Home home_;
  const Clock& clock_;
  std::map<history::RunId, Known> known_;
};

}  // namespace agentcmd::runtime
