#include "base/json.h"

#include "base/fault.h"
#include "base/limits.h"

#include <fmt/format.h>

namespace agentcmd {
namespace {

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_of(std::string_view text, std::size_t byte) {
  Position at;
  for (const char c : text.substr(0, byte)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

// Not by nlohmann's callbacks: with those, a list of n objects takes n² steps.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits::json_depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
  if (text.size() > limits::json_bytes_max) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: {} bytes of JSON, more than the limit of {}", what, text.size(),
                            limits::json_bytes_max));
  }
  if (is_too_deep(text)) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: JSON is nested deeper than {} levels",
                                                         what, limits::json_depth_max));
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const auto at = position_of(text, error.byte > 0 ? error.byte - 1 : 0);
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: not valid JSON at line {}, column {}", what, at.line, at.column));
  }
}

Result<JsonText> validate_json(std::string text, std::string_view what) {
  auto parsed = parse_json(text, what);
  if (!parsed) return tl::unexpected(parsed.error());
  return JsonText{std::move(text)};
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_pretty_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Json parse_trusted(std::string_view text, std::string_view what) {
  auto parsed = parse_json(text, what);
  if (!parsed) throw Fault(parsed.error().message);
  return *std::move(parsed);
}

bool same_value(const Json& one, const Json& other) {
  return nlohmann::json(one) == nlohmann::json(other);
}

const Json& member_or_null(const Json& object, std::string_view key) {
  static const Json* const nothing = new Json();  // never destroyed: read until the process ends
  if (!object.is_object()) return *nothing;
  const auto found = object.find(key);
  return found == object.end() ? *nothing : *found;
}

std::string string_or(const Json& object, std::string_view key, std::string otherwise) {
  const auto& found = member_or_null(object, key);
  return found.is_string() ? found.get<std::string>() : otherwise;
}

std::int64_t int_or(const Json& object, std::string_view key, std::int64_t otherwise) {
  const auto& found = member_or_null(object, key);
  return found.is_number() ? found.get<std::int64_t>() : otherwise;
}

bool bool_or(const Json& object, std::string_view key, bool otherwise) {
  const auto& found = member_or_null(object, key);
  return found.is_boolean() ? found.get<bool>() : otherwise;
}

}  // namespace agentcmd
