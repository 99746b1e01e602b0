#include "projects/arguments.h"

#include "base/suggestion.h"
#include "base/text.h"
#include "steps/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace agentcmd::projects {
namespace {

struct Pair {
  std::string key;
  std::string text;
};

Result<Pair> split_pair(const std::string& typed) {
  const auto equals = typed.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--arg {}: expected KEY=VALUE", shell_quoted(typed)));
  }
  return Pair{typed.substr(0, equals), typed.substr(equals + 1)};
}

Result<Json> to_number(const Pair& pair, bool whole) {
  const char* end = pair.text.data() + pair.text.size();
  std::int64_t integer = 0;
  auto read = std::from_chars(pair.text.data(), end, integer);
  if (read.ec == std::errc() && read.ptr == end) return Json(integer);
  if (read.ec == std::errc::result_out_of_range && read.ptr == end && whole) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("args.{}: {} is too large: whole numbers go from {} to {}", pair.key,
                            pair.text, std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max()));
  }
  double number = 0;
  read = std::from_chars(pair.text.data(), end, number);
  const bool is_number = read.ec == std::errc() && read.ptr == end && std::isfinite(number);
  if (is_number && !whole) return Json(number);
  return fail(ErrorCode::invalid_argument,
              fmt::format("args.{}: expected {}, got '{}'", pair.key,
                          whole ? "a whole number" : "a number", pair.text));
}

Result<Json> to_boolean(const Pair& pair) {
  constexpr std::array yes{"true", "yes", "on", "1"};
  constexpr std::array no{"false", "no", "off", "0"};
  if (std::ranges::count(yes, pair.text) > 0) return Json(true);
  if (std::ranges::count(no, pair.text) > 0) return Json(false);
  return fail(ErrorCode::invalid_argument,
              fmt::format("args.{}: expected true or false, got '{}'", pair.key, pair.text));
}

// What a property may be: its "type", as a list.
std::vector<std::string> types_of(const Json& property) {
  std::vector<std::string> types;
  if (!property.is_object() || !property.contains("type")) return types;
  const auto& type = property["type"];
  if (type.is_string()) types.push_back(type);
  if (type.is_array()) {
    for (const auto& one : type) {
      if (one.is_string()) types.push_back(one);
    }
  }
  return types;
}

Result<Json> to_type(const Pair& pair, const std::string& type) {
  if (type == "number") return to_number(pair, false);
  if (type == "integer") return to_number(pair, true);
  if (type == "boolean") return to_boolean(pair);
  if (type == "array" || type == "object") return parse_json(pair.text, "args." + pair.key);
  if (type == "null" && pair.text == "null") return Json(nullptr);
  if (type == "null") return fail(ErrorCode::invalid_argument, "args." + pair.key + ": not null");
  return Json(to_utf8(pair.text));
}

// A value whose type nothing names: JSON where it is JSON other than a bare word, else text.
Json to_guessed(const Pair& pair) {
  auto parsed = parse_json(pair.text, pair.key);
  return parsed ? *std::move(parsed) : Json(to_utf8(pair.text));
}

Result<Json> convert(const Pair& pair, const Json& property) {
  const auto types = types_of(property);
  if (types.empty())
    return property.is_object() && property.contains("enum")
               ? Result<Json>(Json(to_utf8(pair.text)))
               : Result<Json>(to_guessed(pair));
  Result<Json> last = fail(ErrorCode::invalid_argument, "");
  for (const auto& type : types) {
    if (type == "string" && types.size() > 1) continue;  // fits everything, so it is tried last
    last = to_type(pair, type);
    if (last) return last;
  }
  if (std::ranges::count(types, "string") > 0) return Json(to_utf8(pair.text));
  return last;
}

Error all_of(const std::vector<std::string>& lines) {
  std::string text = "the arguments do not fit:";
  for (const auto& line : lines) text += "\n  " + line;
  return {ErrorCode::invalid_argument, std::move(text)};
}

// Where the schema says which arguments there are, another one is a slip of the pen, unless it
// explicitly welcomes more.
bool welcomes_unknown(const Json& schema) {
  if (steps::property_names(schema).empty()) return true;
  if (schema.contains("patternProperties")) return true;
  const auto more = schema.find("additionalProperties");
  return more != schema.end() && *more != Json(false);
}

bool allows(const Json& property, const std::string& type) {
  return std::ranges::count(types_of(property), type) > 0;
}

Json items_of(const Json& property) {
  const auto items = property.find("items");
  return items != property.end() && items->is_object() ? *items : Json();
}

// A list is given item by item, or as JSON. What begins as JSON and is none is an error: an item
// with half of a list in it is not what anybody means.
Result<void> append(const Pair& pair, const Json& property, Json& list) {
  const auto items = items_of(property);
  const bool is_list = pair.text.starts_with('[') && !allows(items, "array");
  if (is_list) {
    const auto given = parse_json(pair.text, "args." + pair.key);
    if (!given) return tl::unexpected(given.error());
    for (const auto& item : *given) list.push_back(item);
    return {};
  }
  auto item = convert({fmt::format("{}[{}]", pair.key, list.size()), pair.text}, items);
  if (!item) return tl::unexpected(item.error());
  list.push_back(*std::move(item));
  return {};
}

Result<Json> to_list(const std::vector<Pair>& pairs, const Json& property) {
  if (pairs.size() == 1 && pairs[0].text.starts_with('[')) {
    return parse_json(pairs[0].text, "args." + pairs[0].key);
  }
  Json list = Json::array();
  for (const auto& pair : pairs) {
    if (const auto added = append(pair, property, list); !added) {
      return tl::unexpected(added.error());
    }
  }
  return list;
}

// The value of all pairs that name one property: of several the last counts, unless it is a list.
Result<Json> value_of(const std::vector<Pair>& pairs, const Json& property) {
  const auto types = types_of(property);
  const bool is_list = std::ranges::count(types, "array") > 0;
  const bool is_only_list = is_list && std::ranges::all_of(types, [](const std::string& type) {
                              return type == "array" || type == "null";
                            });
  if (is_only_list && pairs.size() == 1 && pairs[0].text == "null" && types.size() > 1) {
    return Json(nullptr);
  }
  if (is_only_list || (is_list && pairs.size() > 1)) return to_list(pairs, property);
  return convert(pairs.back(), property);
}

void apply_pairs(const std::vector<Pair>& pairs, const Json& schema, Json& args,
                 std::vector<std::string>& wrong) {
  const auto& key = pairs.front().key;
  const auto known = steps::property_names(schema);
  const bool is_known = std::ranges::count(known, key) > 0;
  if (!is_known && !welcomes_unknown(schema)) {
    wrong.push_back(fmt::format("args.{}: there is no such argument.{} Known: {}", key,
                                did_you_mean(key, known), join(known, ", ")));
    return;
  }
  auto value = value_of(pairs, is_known ? schema["properties"][key] : Json());
  if (!value) {
    wrong.push_back(value.error().message);
    return;
  }
  args[key] = *std::move(value);
}

// The pairs by the property that they name, in the order in which each is first named.
std::vector<std::vector<Pair>> grouped(const std::vector<std::string>& typed,
                                       std::vector<std::string>& wrong) {
  std::vector<std::vector<Pair>> groups;
  for (const auto& text : typed) {
    auto pair = split_pair(text);
    if (!pair) {
      wrong.push_back(pair.error().message);
      continue;
    }
    const auto same = std::ranges::find_if(
        groups, [&](const auto& group) { return group.front().key == pair->key; });
    if (same == groups.end()) {
      groups.push_back({*std::move(pair)});
    } else {
      same->push_back(*std::move(pair));
    }
  }
  return groups;
}

// What is wrong already, without the messages that a value which is absent for that reason causes.
void add_violations(const Json& schema, const Json& args, std::vector<std::string>& wrong,
                    Result<void>& unusable) {
  auto found = steps::violations(schema, args, "args");
  if (!found) {
    unusable = tl::unexpected(found.error());
    return;
  }
  for (const auto& line : *found) {
    const auto path = line.substr(0, line.find(": ") + 2);
    const bool said = std::ranges::any_of(
        wrong, [&](const std::string& earlier) { return earlier.starts_with(path); });
    if (!said) wrong.push_back(line);
  }
}

}  // namespace

Result<JsonText> make_arguments(const std::optional<JsonText>& schema_text,
                                const ArgumentInput& input) {
  Json args = Json::object();
  if (input.json) {
    auto parsed = parse_json(*input.json, input.what);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!parsed->is_object()) {
      return fail(ErrorCode::invalid_argument,
                  input.what + ": expected a JSON object, as in '{\"a\": 1}'");
    }
    args = *std::move(parsed);
  }
  const Json schema = schema_text ? parse_trusted(schema_text->text, "argsSchema") : Json::object();
  std::vector<std::string> wrong;
  for (const auto& pairs : grouped(input.pairs, wrong)) apply_pairs(pairs, schema, args, wrong);
  const bool added = steps::fill_defaults(schema, args);
  Result<void> unusable;
  if (schema_text) add_violations(schema, args, wrong, unusable);
  if (!unusable) return tl::unexpected(unusable.error());
  if (!wrong.empty()) return tl::unexpected(all_of(wrong));
  if (input.json && input.pairs.empty() && !added) return JsonText{*input.json};
  return JsonText{to_text(args)};
}

}  // namespace agentcmd::projects
