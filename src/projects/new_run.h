#pragma once
// From a workflow and its arguments to a run that can be created: what step.invoke begins.

#include "async/task.h"
#include "base/result.h"
#include "projects/definitions.h"
#include "runtime/driver.h"

#include <filesystem>
#include <string>

namespace agentcmd::projects {

// The workflow of `project` with that id, as it is on disk now. Its request has the arguments
// alone, with defaults filled in. not_found or invalid_argument say what is wrong, for people.
Task<Result<runtime::NewRun>> new_run(Loader loader, std::filesystem::path project,
                                      std::string workflow, JsonText args);

}  // namespace agentcmd::projects
