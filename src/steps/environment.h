#pragma once
// The environment of host steps: the one that agentcmd was started in, less agentcmd's own keys and
// tokens.

#include <map>
#include <string>

namespace agentcmd::steps {

enum class EnvironmentPolicy {
  inherit,
  allowlist,  // only what programs need to run at all: PATH, HOME, locale, proxies, ...
};

std::map<std::string, std::string> step_environment(
    EnvironmentPolicy policy = EnvironmentPolicy::inherit);

// What the allowlist leaves of an environment.
std::map<std::string, std::string> allowlisted(const std::map<std::string, std::string>& env);

}  // namespace agentcmd::steps
