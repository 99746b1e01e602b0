#pragma once
// From what the user typed to the `args` of a run: read, converted, completed, checked.

#include "base/json.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <vector>

namespace agentcmd::projects {

struct ArgumentInput {
  std::optional<std::string> json;  // the text of --args, or of the file that it names
  std::vector<std::string> pairs;   // "key=value" of each --arg; they win over `json`
  std::string what = "--args";      // where `json` comes from, for messages
};

// The arguments with defaults filled in, checked against `schema` if there is one. invalid_argument
// lists everything that is wrong, a line each. Text that needs no addition is kept byte for byte.
Result<JsonText> make_arguments(const std::optional<JsonText>& schema, const ArgumentInput& input);

}  // namespace agentcmd::projects
