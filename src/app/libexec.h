#pragma once
// Where the programs and files that belong to this installation are.

#include "app/config.h"

#include <filesystem>

namespace agentcmd::app {

// AGENTCMD_LIBEXEC, else ../libexec/agentcmd beside the folder of this program.
std::filesystem::path find_libexec(const Environment& environment);

}  // namespace agentcmd::app
