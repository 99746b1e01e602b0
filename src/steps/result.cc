#include "steps/result.h"

#include "base/duration.h"
#include "base/secret.h"
#include "steps/environment.h"

#include <algorithm>
#include <array>

namespace agentcmd::steps {
namespace {

// Beyond it, clocks overflow.
constexpr std::chrono::milliseconds longest = std::chrono::years(10);

Json object_or_empty(const Json& input, const char* key) {
  if (input.is_object() && input.contains(key) && input[key].is_object()) return input[key];
  return Json::object();
}

void redact_texts(Json& value, const std::vector<Secret>& secrets) {
  if (secrets.empty()) return;
  if (value.is_string()) {
    value = redact(value.get_ref<const std::string&>(), secrets);
  } else if (value.is_structured()) {
    for (auto& part : value) redact_texts(part, secrets);
  }
}

}  // namespace

StepInput read_input(const Step& step) {
  const auto input = parse_trusted(step.input.text, "input of step " + step.key.text);
  return {.config = object_or_empty(input, "config"), .options = object_or_empty(input, "options")};
}

Json noted_in(const std::optional<JsonText>& checkpoint, std::string_view member) {
  if (!checkpoint) return nullptr;
  auto noted = parse_trusted(checkpoint->text, "checkpoint");
  return noted.contains(std::string(member)) ? noted : Json();
}

std::chrono::milliseconds timeout_of(const Step& step, const StepInput& input) {
  if (input.options.contains("timeout")) {
    const auto& timeout = input.options["timeout"];
    if (timeout.is_number() && timeout.get<double>() >= 1) {
      const auto wanted = std::min<double>(timeout.get<double>(), longest.count());
      return std::chrono::milliseconds(static_cast<std::int64_t>(wanted));
    }
    if (timeout.is_string()) {
      const auto duration = parse_duration(timeout.get<std::string>());
      if (duration) return std::min<std::chrono::milliseconds>(*duration, longest);
    }
  }
  const auto* type = find_step_type(step.type);
  return type == nullptr ? std::chrono::milliseconds(0) : type->timeout;
}

std::filesystem::path directory_of(const Step& step, const Json& config) {
  auto folder = string_or(config, "cwd");
  if (folder.empty()) folder = string_or(config, "workingDir");
  if (folder.empty()) return step.run.working_dir;
  return (step.run.working_dir / folder).lexically_normal();
}

std::map<std::string, std::string> environment_of(const Step& step, const Json& config) {
  auto env = step.run.env;
  if (!config.contains("env")) return env;
  const auto& added = config["env"];
  if (added == "allowlist") return allowlisted(env);
  if (!added.is_object()) return env;
  for (const auto& [name, value] : added.items()) {
    if (value.is_null()) {
      env.erase(name);
    } else {
      env[name] = value.is_string() ? value.get<std::string>() : to_text(value);
    }
  }
  return env;
}

std::vector<std::string> texts_of(const Json& config, std::string_view key) {
  std::vector<std::string> texts;
  const auto found = config.find(std::string(key));
  if (found == config.end()) return texts;
  if (found->is_string()) texts.push_back(found->get<std::string>());
  if (found->is_array()) {
    for (const auto& item : *found) {
      if (item.is_string()) texts.push_back(item.get<std::string>());
    }
  }
  return texts;
}

Outcome failed(const Error& error) {
  constexpr std::array passing{ErrorCode::unavailable, ErrorCode::timed_out,
                               ErrorCode::resource_exhausted, ErrorCode::conflict};
  const bool passes = std::ranges::find(passing, error.code) != passing.end();
  return {.what = Failed{{.name = "Error", .message = error.message, .final = !passes}},
          .notes = {}};
}

Outcome failed(std::string message) {
  return {.what = Failed{{.name = "Error", .message = std::move(message), .final = true}},
          .notes = {}};
}

Outcome timed_out(std::string message) {
  return {.what = TimedOut{{.name = "TimeoutError",
                            .message = std::move(message),
                            .stack = {},
                            .timeout = "attempt"}},
          .notes = {}};
}

Outcome completed(const Step& step, bool success, Json result) {
  redact_texts(result, step.run.secrets);
  return {.what = Completed{.success = success, .output = {to_text(result)}}, .notes = {}};
}

Outcome completed_with_data(const Step& step, bool success, JsonText data, Json result) {
  redact_texts(result, step.run.secrets);
  auto rest = to_text(result);  // an object with at least one member
  auto text = "{\"data\":" + redact(data.text, step.run.secrets) + "," + rest.substr(1);
  return {.what = Completed{.success = success, .output = {std::move(text)}}, .notes = {}};
}

}  // namespace agentcmd::steps
