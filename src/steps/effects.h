#pragma once
// What the closure of a step.run may do to the world (sdk/EFFECTS.md): done here, as the user,
// relative to the run's working directory, with errors that look like Node's.

#include "async/blocking.h"
#include "async/stop.h"
#include "async/task.h"
#include "base/json.h"
#include "steps/step.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace agentcmd::steps {

struct EffectOutcome {
  bool ok = false;
  JsonText value;  // the value, or {name, message, code?, errno?, syscall?, path?, dest?}
};

// Everything but `cancel`, which is a request to `stop`: then the effect's process is killed with
// its descendants and what it has done so far is its answer. Cancelling the task instead ends the
// waiting only. Faults of the world are answers too. `step` is the closure's.
Task<EffectOutcome> perform_effect(StepHost& host, Step step, std::string name, JsonText args,
                                   StopSource& stop);

// Whether an effect of that name may change files.
bool changes_files(std::string_view name);

// Kills what effects of a closure that was lost with its driver may have left running. To be called
// before the closure begins again.
Task<> end_lost_effects(boost::asio::any_io_executor executor, std::filesystem::path attempt_dir);

// The same for all closures of a run (RunContext::run_dir). To be called before anything of the run
// goes on.
Task<> end_lost_effects_of_run(boost::asio::any_io_executor executor, BlockingPool& pool,
                               std::filesystem::path run_dir);

}  // namespace agentcmd::steps
