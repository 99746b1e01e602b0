#pragma once
// Whether the definitions on disk still do what runs have done: before the code of a run is
// changed, and before a change is put to use. And what the code of a run says when it is asked.

#include "async/task.h"
#include "base/result.h"
#include "projects/definitions.h"
#include "runtime/replayer.h"
#include "store/store.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::projects {

// The run's definition as it is on disk: its file, or where that is gone the one with its id.
// Errors: as resolve_definition.
Task<Result<script::Bundle>> code_now(Loader loader, store::RunRow run);

// One replay of the whole history of a run (runtime/replayer.h).
Task<Result<runtime::ReplayVerdict>> replay(Loader loader, history::RunId run,
                                            std::vector<history::Event> events,
                                            script::Bundle bundle);

// One question to the code of a run with this history (runtime::Replayer::query).
Task<Result<JsonText>> query(Loader loader, history::RunId run, std::vector<history::Event> events,
                             script::Bundle bundle, std::string name, JsonText args);

struct RunCheck {
  store::RunRow run;
  runtime::ReplayVerdict verdict;
};

// Replays the project's runs against `definitions`, which are all that it has: every run that has
// not ended, and of those that have the newest `recent` of each definition. Runs whose definition
// is gone or cannot be loaded do not match. Error: no worker can be started.
Task<Result<std::vector<RunCheck>>> check_runs(Loader loader, store::Store& store,
                                               std::filesystem::path project,
                                               std::vector<Definition> definitions,
                                               std::size_t recent);

}  // namespace agentcmd::projects
