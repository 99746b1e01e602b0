#pragma once
// JSON for requests, responses, configuration and messages. Payloads of users (arguments, step
// inputs and results) are not parsed and printed again on their way: they travel as JsonText, byte
// for byte, because a round trip changes 30-digit numbers and so a replay (docs/decisions/0005).

#include "base/result.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace agentcmd {

// Keeps the order of keys, so that what we print reads as it was written.
using Json = nlohmann::ordered_json;

// JSON as it came: valid, then stored, compared and shown byte for byte.
struct JsonText {
  std::string text;
  bool operator==(const JsonText&) const = default;
};

// invalid_argument with line and column for text that is not JSON, is nested deeper than
// limits::json_depth_max or is larger than limits::json_bytes_max. `what` names the source in the
// message: "--args", "config.json".
Result<Json> parse_json(std::string_view text, std::string_view what);

// As parse_json, but keeps the bytes.
Result<JsonText> validate_json(std::string text, std::string_view what);

// Compact. Bytes that are not UTF-8 are replaced by U+FFFD instead of being refused.
std::string to_text(const Json& json);
std::string to_pretty_text(const Json& json);

// Parses text that this program wrote or checked earlier; a failure is a Fault (damaged store).
Json parse_trusted(std::string_view text, std::string_view what);

// Whether both are the same value; the order of members is none.
bool same_value(const Json& one, const Json& other);

// The member; null where there is none, or where `object` is none. It lives as long as `object`.
const Json& member_or_null(const Json& object, std::string_view key);

// The member if it is there and of that type, else `otherwise`.
std::string string_or(const Json& object, std::string_view key, std::string otherwise = {});
std::int64_t int_or(const Json& object, std::string_view key, std::int64_t otherwise = 0);
bool bool_or(const Json& object, std::string_view key, bool otherwise = false);

}  // namespace agentcmd
