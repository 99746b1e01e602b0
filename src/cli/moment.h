#pragma once
// A moment as it is typed: "2026-03-01", "2026-03-01T09:30" or "2026-03-01T09:30:15Z", in UTC.

#include "base/clock.h"
#include "base/result.h"

#include <string>

namespace agentcmd::cli {

// invalid_argument for anything else, and for days that no month has.
Result<Time> parse_moment(const std::string& text);

}  // namespace agentcmd::cli
