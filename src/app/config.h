#pragma once
// The settings, each with where it comes from: a flag wins over the environment (AGENTCMD_*), that
// over <home>/config.json, that over the default. The keys of the file are those of the npm
// product, so that its file can be used as it is.

#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "base/secret.h"
#include "cli/services.h"
#include "engine/flow.h"
#include "gateway/model_access.h"
#include "runtime/retention.h"
#include "steps/environment.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::app {

struct Config {
  std::filesystem::path home;
  std::string host = "127.0.0.1";
  std::string external_host = "localhost";
  std::uint16_t port = 4100;
  std::string log_level = "warn";
  std::string allowed_origins = "http://localhost:4100";
  steps::EnvironmentPolicy env = steps::EnvironmentPolicy::inherit;  // of host steps
  runtime::RetentionPolicy retention;  // nothing is deleted unless it is set
  runtime::SnapshotPolicy snapshots = runtime::SnapshotPolicy::worktree;
  engine::FlowLimits limits{.runs = limits::runs_at_once,
                            .runs_per_project = limits::runs_at_once_per_project};
  std::string anthropic_base_url;  // empty: the vendor's
  std::string openai_base_url;
  Secret anthropic_api_key;
  Secret openai_api_key;
  Secret jwt_secret;

  // As `agentcmd config` shows them: every setting, secrets masked.
  std::vector<cli::SettingRow> rows;

  log::Level level() const;
  gateway::ModelAccess models() const;
  // Values that must not reach logs and histories.
  std::vector<Secret> secrets() const;
};

// The value of an environment variable.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// `flags`: settings given on the command line, by key. Errors (invalid_argument) name the source
// and what is allowed.
Result<Config> load_config(const std::map<std::string, std::string>& flags,
                           const Environment& environment);

// Defaults, but for the home: where the rest cannot be read.
Result<Config> only_home(const std::map<std::string, std::string>& flags,
                         const Environment& environment);

}  // namespace agentcmd::app
