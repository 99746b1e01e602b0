#pragma once
// An agent that was asked for JSON often wraps it in words.

#include "base/json.h"

#include <string_view>

namespace agentcmd::agents {

// The whole reply if it is JSON, else its last fenced block that is, else its last balanced object
// (or array, where there is no object). invalid_argument, with the start of the reply, if there is
// none.
Result<JsonText> json_from_reply(std::string_view reply);

}  // namespace agentcmd::agents
