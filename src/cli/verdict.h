#pragma once
// How a replay's outcome is told.

#include "base/json.h"
#include "runtime/replayer.h"

#include <string>

namespace agentcmd::cli {

// {"matches", "commands", "mismatch": {"index", "expected", "found"} or null, "failure": text or
// null}
Json verdict_json(const runtime::ReplayVerdict& verdict);

// "12 commands", or what does not match.
std::string in_words(const runtime::ReplayVerdict& verdict);

}  // namespace agentcmd::cli
