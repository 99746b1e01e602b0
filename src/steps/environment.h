#pragma once
// The environment of host steps: the one that agentcmd was started in, less agentcmd's own keys and
// tokens.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::steps {

enum class EnvironmentPolicy {
  inherit,
  allowlist,  // only what programs need to run at all: PATH, HOME, locale, proxies, ...
};

// As in the configuration.
std::string_view to_string(EnvironmentPolicy policy);
std::optional<EnvironmentPolicy> environment_policy_from(std::string_view name);

std::map<std::string, std::string> step_environment(
    EnvironmentPolicy policy = EnvironmentPolicy::inherit);

// What the allowlist leaves of an environment.
std::map<std::string, std::string> allowlisted(const std::map<std::string, std::string>& env);

}  // namespace agentcmd::steps
