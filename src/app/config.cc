#include "app/config.h"

#include "base/json.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

namespace agentcmd::app {
namespace fs = std::filesystem;
namespace {

struct Value {
  std::string text;
  std::string source;
};

// What is wrong with a text for its setting, or nothing.
using Apply = std::string (*)(Config& config, const std::string& text);

struct Setting {
  std::string_view key;                       // in config.json and of a flag
  std::array<std::string_view, 2> variables;  // the first that is set counts
  bool is_secret;
  Apply apply;
};

template <auto member>
std::string set_text(Config& config, const std::string& text) {
  config.*member = text;
  return "";
}

template <auto member>
std::string set_secret(Config& config, const std::string& text) {
  config.*member = Secret(text);
  return "";
}

std::string set_port(Config& config, const std::string& text) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, config.port);
  const bool fits = read.ec == std::errc() && read.ptr == end && config.port > 0;
  return fits ? "" : "expected a port from 1 to 65535";
}

template <auto member>
std::string set_url(Config& config, const std::string& text) {
  config.*member = text;
  const bool fits = text.starts_with("http://") || text.starts_with("https://");
  return fits ? "" : "expected an http or https URL";
}

constexpr std::array levels{"trace", "debug", "info", "warn", "error", "fatal"};

std::string set_level(Config& config, const std::string& text) {
  config.log_level = text;
  return std::ranges::find(levels, text) != levels.end()
             ? ""
             : "expected trace, debug, info, warn, error or fatal";
}

std::string set_env(Config& config, const std::string& text) {
  const auto policy = steps::environment_policy_from(text);
  if (policy) config.env = *policy;
  return policy ? "" : "expected inherit or allowlist";
}

constexpr std::string_view retention_form =
    R"(expected {"days": 30, "runs": 100}: at least one of the two, whole numbers from 1 on)";

// {"days"?, "runs"?}: see RetentionPolicy.
std::string set_retention(Config& config, const std::string& text) {
  const auto json = parse_json(text, "retention");
  if (!json || !json->is_object() || json->empty()) return std::string(retention_form);
  for (const auto& [key, value] : json->items()) {
    constexpr std::int64_t number_max = 100'000;
    const bool fits = value.is_number_integer() && value.get<std::int64_t>() >= 1 &&
                      value.get<std::int64_t>() <= number_max;
    if (!fits || (key != "days" && key != "runs")) return std::string(retention_form);
    if (key == "days") {
      config.retention.older_than = std::chrono::days(value.get<std::int64_t>());
    } else {
      config.retention.keep = static_cast<std::size_t>(value.get<std::int64_t>());
    }
  }
  return "";
}

std::string set_snapshots(Config& config, const std::string& text) {
  const auto policy = runtime::snapshot_policy_from(text);
  if (policy) config.snapshots = *policy;
  return policy ? "" : "expected worktree, always or never";
}

template <auto member>
std::string set_limit(Config& config, const std::string& text) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, config.limits.*member);
  const bool fits = read.ec == std::errc() && read.ptr == end && config.limits.*member <= 1'000'000;
  return fits ? "" : "expected a whole number, 0 for no limit";
}

constexpr std::array settings{
    Setting{"host", {"AGENTCMD_HOST", ""}, false, set_text<&Config::host>},
    Setting{
        "externalHost", {"AGENTCMD_EXTERNAL_HOST", ""}, false, set_text<&Config::external_host>},
    Setting{"port", {"AGENTCMD_PORT", ""}, false, set_port},
    Setting{"logLevel", {"AGENTCMD_LOG_LEVEL", ""}, false, set_level},
    Setting{"allowedOrigins",
            {"AGENTCMD_ALLOWED_ORIGINS", ""},
            false,
            set_text<&Config::allowed_origins>},
    Setting{"env", {"AGENTCMD_ENV", ""}, false, set_env},
    Setting{"retention", {"AGENTCMD_RETENTION", ""}, false, set_retention},
    Setting{"snapshots", {"AGENTCMD_SNAPSHOTS", ""}, false, set_snapshots},
    Setting{
        "limits.runs", {"AGENTCMD_LIMITS_RUNS", ""}, false, set_limit<&engine::FlowLimits::runs>},
    Setting{"limits.runsPerProject",
            {"AGENTCMD_LIMITS_RUNS_PER_PROJECT", ""},
            false,
            set_limit<&engine::FlowLimits::runs_per_project>},
    Setting{"gateway.anthropic.baseUrl",
            {"AGENTCMD_GATEWAY_ANTHROPIC_BASE_URL", "ANTHROPIC_BASE_URL"},
            false,
            set_url<&Config::anthropic_base_url>},
    Setting{"gateway.openai.baseUrl",
            {"AGENTCMD_GATEWAY_OPENAI_BASE_URL", "OPENAI_BASE_URL"},
            false,
            set_url<&Config::openai_base_url>},
    Setting{"anthropicApiKey",
            {"AGENTCMD_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"},
            true,
            set_secret<&Config::anthropic_api_key>},
    Setting{"openaiApiKey",
            {"AGENTCMD_OPENAI_API_KEY", "OPENAI_API_KEY"},
            true,
            set_secret<&Config::openai_api_key>},
    Setting{"jwtSecret", {"AGENTCMD_JWT_SECRET", ""}, true, set_secret<&Config::jwt_secret>},
};

std::optional<std::string> non_empty(std::optional<std::string> text) {
  return text && text->empty() ? std::nullopt : text;
}

Result<Value> find_home(const std::map<std::string, std::string>& flags,
                        const Environment& environment) {
  if (const auto flag = flags.find("home"); flag != flags.end()) return Value{flag->second, "flag"};
  if (const auto named = non_empty(environment("AGENTCMD_HOME"))) {
    return Value{*named, "environment AGENTCMD_HOME"};
  }
  const auto user_home = non_empty(environment("HOME"));
  if (!user_home) {
    return fail(ErrorCode::failed_precondition,
                "neither AGENTCMD_HOME nor HOME is set: name a folder for agentcmd's own data with "
                "AGENTCMD_HOME or --home");
  }
  return Value{(fs::path(*user_home) / ".agentcmd").string(), "default"};
}

// An absent file is an empty one.
Result<Json> read_file(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return Json::object();
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return fail(ErrorCode::permission_denied, fmt::format("cannot read {}", file.string()));
  }
  const std::string text(std::istreambuf_iterator<char>(in), {});
  auto json = parse_json(text, file.string());
  if (json && !json->is_object()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: expected a JSON object", file.string()));
  }
  return json;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

// "limits.runs" is {"limits": {"runs": …}} in the file.
const Json* find_entry(const Json& file, std::string_view key) {
  const auto dot = key.find('.');
  const auto entry = file.find(key.substr(0, dot));
  if (entry == file.end()) return nullptr;
  if (dot == std::string_view::npos) return &*entry;
  return entry->is_object() ? find_entry(*entry, key.substr(dot + 1)) : nullptr;
}

// Where the setting's value comes from; nothing when no one gives it.
std::optional<Value> find_value(const Setting& setting,
                                const std::map<std::string, std::string>& flags,
                                const Environment& environment, const Json& file,
                                const fs::path& path) {
  if (const auto flag = flags.find(std::string(setting.key)); flag != flags.end()) {
    return Value{flag->second, "flag"};
  }
  for (const auto variable : setting.variables) {
    if (variable.empty()) continue;
    if (const auto text = non_empty(environment(std::string(variable)))) {
      return Value{*text, fmt::format("environment {}", variable)};
    }
  }
  const auto* entry = find_entry(file, setting.key);
  if (entry == nullptr || entry->is_null()) return std::nullopt;
  return Value{text_of(*entry), path.string()};
}

// Enough to tell two keys apart.
std::string masked(const std::string& secret) {
  constexpr std::size_t shown = 4;
  if (secret.size() < shown * 4) return "********";
  return "********" + secret.substr(secret.size() - shown);
}

std::string default_text(const Setting& setting) {
  const Config defaults;
  if (setting.key == "host") return defaults.host;
  if (setting.key == "externalHost") return defaults.external_host;
  if (setting.key == "port") return fmt::to_string(defaults.port);
  if (setting.key == "logLevel") return defaults.log_level;
  if (setting.key == "allowedOrigins") return defaults.allowed_origins;
  if (setting.key == "snapshots") return std::string(runtime::to_string(defaults.snapshots));
  if (setting.key == "limits.runs") return fmt::to_string(defaults.limits.runs);
  if (setting.key == "limits.runsPerProject") {
    return fmt::to_string(defaults.limits.runs_per_project);
  }
  if (setting.key == "env") return std::string(steps::to_string(defaults.env));
  return "";
}

}  // namespace

log::Level Config::level() const {
  if (log_level == "trace" || log_level == "debug") return log::Level::debug;
  if (log_level == "info") return log::Level::info;
  return log_level == "warn" ? log::Level::warn : log::Level::error;
}

gateway::ModelAccess Config::models() const {
  return {.anthropic = {.base_url = anthropic_base_url, .key = anthropic_api_key},
          .openai = {.base_url = openai_base_url, .key = openai_api_key}};
}

std::vector<Secret> Config::secrets() const {
  std::vector<Secret> all;
  for (const auto* secret : {&anthropic_api_key, &openai_api_key, &jwt_secret}) {
    if (!secret->empty()) all.push_back(*secret);
  }
  return all;
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<Config> only_home(const std::map<std::string, std::string>& flags,
                         const Environment& environment) {
  const auto home = find_home(flags, environment);
  if (!home) return tl::unexpected(home.error());
  Config config;
  std::error_code error;
  config.home = fs::absolute(home->text, error);
  return config;
}

Result<Config> load_config(const std::map<std::string, std::string>& flags,
                           const Environment& environment) {
  const auto home = find_home(flags, environment);
  if (!home) return tl::unexpected(home.error());
  Config config;
  std::error_code error;
  config.home = fs::absolute(home->text, error);
  config.rows.push_back({"home", config.home.string(), home->source});
  const auto path = store::Home{config.home}.config();
  const auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  for (const auto& setting : settings) {
    const auto value = find_value(setting, flags, environment, *file, path);
    if (!value) {
      config.rows.push_back({std::string(setting.key), default_text(setting), "default"});
      continue;
    }
    const auto wrong = setting.apply(config, value->text);
    if (!wrong.empty()) {
      return fail(ErrorCode::invalid_argument, fmt::format("{} of {}: {}, got '{}'", setting.key,
                                                           value->source, wrong, value->text));
    }
    config.rows.push_back({std::string(setting.key),
                           setting.is_secret ? masked(value->text) : value->text, value->source});
  }
  return config;
}

}  // namespace agentcmd::app
