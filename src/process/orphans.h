#pragma once
// What a supervisor that was killed has left behind.

#include "async/task.h"

#include <filesystem>
#include <string>

namespace agentcmd::process {

// Everything that a supervised command starts has this variable, with the attempt's folder as its
// value: unlike AGENTCMD_RUN it names one attempt and not its neighbours in the same run.
inline constexpr std::string_view attempt_variable = "AGENTCMD_ATTEMPT";

// One spelling of a folder, for that variable.
std::filesystem::path attempt_path(const std::filesystem::path& dir);

// Kills the processes of the attempt that can still be found (by its namespace's init, its cgroup,
// its variable and their descendants) and returns when they are dead. Its supervisor must be dead.
Task<> kill_orphans(std::filesystem::path dir);

}  // namespace agentcmd::process
