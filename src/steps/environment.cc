#include "steps/environment.h"

#include "base/secret.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace agentcmd::steps {
namespace {

constexpr std::array<std::string_view, 22> allowed_names{
    "PATH",          "HOME",        "USER",       "LOGNAME",     "SHELL",
    "LANG",          "LANGUAGE",    "TERM",       "TZ",          "TMPDIR",
    "COLORTERM",     "NO_COLOR",    "http_proxy", "https_proxy", "no_proxy",
    "HTTP_PROXY",    "HTTPS_PROXY", "NO_PROXY",   "all_proxy",   "ALL_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR"};

bool is_allowed(std::string_view name) {
  return std::ranges::find(allowed_names, name) != allowed_names.end() || name.starts_with("LC_") ||
         name.starts_with("XDG_");
}

}  // namespace

std::string_view to_string(EnvironmentPolicy policy) {
  return policy == EnvironmentPolicy::inherit ? "inherit" : "allowlist";
}

std::optional<EnvironmentPolicy> environment_policy_from(std::string_view name) {
  for (const auto policy : {EnvironmentPolicy::inherit, EnvironmentPolicy::allowlist}) {
    if (to_string(policy) == name) return policy;
  }
  return std::nullopt;
}

std::map<std::string, std::string> step_environment(EnvironmentPolicy policy) {
  std::map<std::string, std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == text.npos || equals == 0) continue;
    const auto name = text.substr(0, equals);
    if (is_own_secret_variable(name)) continue;
    env.emplace(name, text.substr(equals + 1));
  }
  return policy == EnvironmentPolicy::inherit ? env : allowlisted(env);
}

std::map<std::string, std::string> allowlisted(const std::map<std::string, std::string>& env) {
  std::map<std::string, std::string> kept;
  std::ranges::copy_if(env, std::inserter(kept, kept.end()),
                       [](const auto& variable) { return is_allowed(variable.first); });
  return kept;
}

}  // namespace agentcmd::steps
