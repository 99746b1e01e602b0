#pragma once
// Durations as users write and read them.

#include "base/result.h"

#include <chrono>
#include <string>
#include <string_view>

namespace agentcmd {

// "250ms", "1.5s", "1h 30m", "2d", "1w", ISO 8601 ("PT1H30M"), or a bare number of milliseconds.
// invalid_argument for anything else, for negative values and for more than 100 years.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// For people: "3 ms", "1.2 s", "4m 05s", "2h 03m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace agentcmd
