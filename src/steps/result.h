#pragma once
// What the step types share in reading their input and in writing the SDK's result shapes.

#include "base/result.h"
#include "steps/step.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace agentcmd::steps {

// The parts of a step's input: {"config": {…}, "options": {"timeout"?}}.
struct StepInput {
  Json config;   // an object
  Json options;  // an object
};
StepInput read_input(const Step& step);

// A checkpoint that has the member, as an object; null for another one, or none.
Json noted_in(const std::optional<JsonText>& checkpoint, std::string_view member);

// options.timeout (milliseconds, or a duration as text), else the default of the step's type.
std::chrono::milliseconds timeout_of(const Step& step, const StepInput& input);

// `cwd` or `workingDir` of the config, relative to the run's working directory.
std::filesystem::path directory_of(const Step& step, const Json& config);

// The run's environment with the config's `env` added; a value of null removes a variable.
std::map<std::string, std::string> environment_of(const Step& step, const Json& config);

// The member as a list of texts: a list, or a single text.
std::vector<std::string> texts_of(const Json& config, std::string_view key);

// The attempt failed. Another one would fail in the same way, unless `error` is one of those that
// pass: unavailable, timed_out, resource_exhausted, conflict.
Outcome failed(const Error& error);
Outcome failed(std::string message);
Outcome timed_out(std::string message);

// Known secrets are replaced in all texts of `result`, then it is written down.
Outcome completed(const Step& step, bool success, Json result);

// `result` with one more member first, "data", whose JSON is kept byte for byte.
Outcome completed_with_data(const Step& step, bool success, JsonText data, Json result);

}  // namespace agentcmd::steps
