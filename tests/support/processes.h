#pragma once
// Processes of a sandbox, found from outside.

#include "support/sandbox.h"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace agentcmd::test {

// A child of `parent` whose name is that, or 0.
pid_t child_named(pid_t parent, std::string_view name);

// The supervisor of a step's attempt, as the claim in its folder says; 0 before there is one.
pid_t supervisor_of(const Sandbox& sandbox, const std::string& run, const std::string& step_folder,
                    int attempt = 1);

}  // namespace agentcmd::test
