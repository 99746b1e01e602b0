#include "steps/schema.h"

// Without it valijson aborts the process where it would throw.
#define VALIJSON_USE_EXCEPTIONS 1

#include "base/suggestion.h"
#include "base/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <exception>

namespace agentcmd::steps {
namespace {

// valijson has no adapter for the ordered kind.
nlohmann::json unordered(const Json& json) {
  return nlohmann::json::parse(to_text(json));
}

const Json* member(const Json* json, std::string_view key) {
  if (json == nullptr || !json->is_object()) return nullptr;
  const auto found = json->find(key);
  return found == json->end() ? nullptr : &*found;
}

// A place in the value, with the part of the schema that describes it as far as `properties` and
// `items` lead there.
struct Place {
  std::string path;
  const Json* value = nullptr;
  const Json* schema = nullptr;
};

void descend(Place& place, const std::string& step) {
  if (place.value != nullptr && place.value->is_array()) {
    const auto index = std::strtoull(step.c_str(), nullptr, 10);
    place.path += fmt::format("[{}]", index);
    place.value = index < place.value->size() ? &place.value->at(index) : nullptr;
    place.schema = member(place.schema, "items");
    if (place.schema != nullptr && place.schema->is_array()) {
      place.schema = index < place.schema->size() ? &place.schema->at(index) : nullptr;
    }
    return;
  }
  place.path += "." + step;
  place.value = member(place.value, step);
  place.schema = member(member(place.schema, "properties"), step);
}

// valijson's context is {"<root>", "[name]", "[3]"}.
Place place_of(const std::vector<std::string>& context, Place root) {
  for (const auto& part : context) {
    if (part == "<root>" || part.size() < 2) continue;
    descend(root, part.substr(1, part.size() - 2));
  }
  return root;
}

std::string type_name(const Json* value) {
  if (value == nullptr) return "nothing";
  if (value->is_number_integer()) return "integer";
  return value->type_name();
}

std::string words_of_one(const Json& name) {
  return name.is_string() ? name.get<std::string>() : to_text(name);
}

std::string words_of(const Json* names) {
  if (names == nullptr) return "another type";
  if (!names->is_array()) return words_of_one(*names);
  std::vector<std::string> words;
  for (const auto& name : *names) words.push_back(words_of_one(name));
  return join(words, " or ");
}

std::string expected_type(const Place& place) {
  return fmt::format("expected {}, got {}", words_of(member(place.schema, "type")),
                     type_name(place.value));
}

std::string expected_one_of(const Place& place) {
  const auto* allowed = member(place.schema, "enum");
  if (allowed == nullptr || place.value == nullptr) return "not one of the allowed values";
  std::vector<std::string> words;
  for (const auto& value : *allowed) words.push_back(to_text(value));
  return fmt::format("{} is not one of {}", to_text(*place.value), join(words, ", "));
}

std::string unknown_properties(const Place& place) {
  const auto known =
      place.schema == nullptr ? std::vector<std::string>{} : property_names(*place.schema);
  std::string text;
  for (const auto& [key, value] : place.value->items()) {
    if (std::ranges::count(known, key) > 0) continue;
    if (!text.empty()) text += "; ";
    text += fmt::format("'{}' is not known here.{}", key, did_you_mean(key, known));
  }
  if (!known.empty()) text += fmt::format(" Known: {}", join(known, ", "));
  return text;
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Whether the message only says that something further inside does not fit, which has a message of
// its own.
bool is_consequence(std::string_view description) {
  return description.starts_with("Failed to validate against schema associated with") ||
         description.starts_with("Failed to validate item #") ||
         description.starts_with("Failed to validate against child schema") ||
         description.starts_with("Failed to validate against additional properties");
}

std::string in_plain_words(const Place& place, const std::string& description) {
  if (description.contains("'type' constraint")) return expected_type(place);
  if (description.contains("enum values")) return expected_one_of(place);
  if (description.starts_with("Object contains a property")) return unknown_properties(place);
  if (description.contains("anyOf") || description.contains("exactly one child")) {
    return "fits none of the allowed forms";
  }
  if (description.contains("'pattern'")) {
    const auto* pattern = member(place.schema, "pattern");
    return pattern == nullptr ? "does not match the pattern"
                              : fmt::format("does not match the pattern {}", words_of(pattern));
  }
  if (description.contains("'const'")) {
    const auto* only = member(place.schema, "const");
    return only == nullptr ? "not the allowed value" : "must be " + to_text(*only);
  }
  return lower_first(description);
}

std::string as_line(const Place& place, const std::string& description) {
  constexpr std::string_view missing = "Missing required property '";
  if (description.starts_with(missing)) {
    const auto name = description.substr(missing.size(), description.rfind('\'') - missing.size());
    return fmt::format("{}.{}: missing", place.path, name);
  }
  return fmt::format("{}: {}", place.path, in_plain_words(place, description));
}

constexpr std::array<std::string_view, 7> types{"string", "number", "integer", "boolean",
                                                "object", "array",  "null"};

std::string unusable(const std::exception& error) {
  return fmt::format("cannot be used: {}", lower_first(error.what()));
}

using Parsed = valijson::adapters::NlohmannJsonAdapter;

void populate(const nlohmann::json& text, valijson::Schema& schema) {
  valijson::SchemaParser().populateSchema(Parsed(text), schema);
}

// Checks `value` for no other reason than to have everything compiled that the check needs.
void try_out(const nlohmann::json& schema, const nlohmann::json& value) {
  valijson::Schema parsed;
  populate(schema, parsed);
  valijson::Validator().validate(parsed, Parsed(value), nullptr);
}

// A walk over a schema and those within it. The library finds wrong types of keywords only, names
// no place, looks at a pattern when the first value is checked against it, and does not survive a
// reference that leads to itself.
class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& root) : root_(root) {}

  // What is wrong first, with its path; empty when nothing is.
  std::string run(const Json& schema, const std::string& path) {
    if (schema.is_boolean()) return "";
    if (!schema.is_object()) {
      return fmt::format("{}: a schema is an object, this is {}", path, to_text(schema));
    }
    for (const auto& [keyword, value] : schema.items()) {
      auto wrong = of_keyword(keyword, value, path + "." + keyword);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  std::string of_keyword(const std::string& keyword, const Json& value, const std::string& path) {
    if (keyword == "type") return of_type(value, path);
    if (keyword == "required") return of_required(value, path);
    if (keyword == "$ref") return of_reference(value, path);
    if (keyword == "dependencies") return of_dependencies(value, path);
    if (keyword == "pattern") return of_pattern({{"pattern", value}}, "", path);
    if (keyword == "patternProperties" && value.is_object()) {
      for (const auto& [pattern, described] : value.items()) {
        auto wrong = of_pattern({{keyword, {{pattern, true}}}}, {{"", 1}}, path + "." + pattern);
        if (!wrong.empty()) return wrong;
      }
      return of_each(value, path);
    }
    if (is_map(keyword)) {
      return value.is_object() ? of_each(value, path)
                               : fmt::format("{}: expected an object of schemas", path);
    }
    if (is_list(keyword)) return of_each(value, path);
    if (is_schema(keyword)) return value.is_array() ? of_each(value, path) : run(value, path);
    if (is_number(keyword) && !value.is_number()) {
      return fmt::format("{}: expected a number, got {}", path, to_text(value));
    }
    return of_other(keyword, value, path);
  }

  static bool is_map(std::string_view keyword) {
    return keyword == "properties" || keyword == "definitions" || keyword == "$defs";
  }
  static bool is_list(std::string_view keyword) {
    return keyword == "allOf" || keyword == "anyOf" || keyword == "oneOf";
  }
  static bool is_number(std::string_view keyword) {
    return keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum" ||
           keyword == "exclusiveMaximum" || keyword == "multipleOf";
  }
  static bool is_schema(std::string_view keyword) {
    constexpr std::array<std::string_view, 9> keywords{"items",
                                                       "additionalItems",
                                                       "additionalProperties",
                                                       "contains",
                                                       "propertyNames",
                                                       "not",
                                                       "if",
                                                       "then",
                                                       "else"};
    return std::ranges::find(keywords, keyword) != keywords.end();
  }

  std::string of_each(const Json& schemas, const std::string& path) {
    if (!schemas.is_structured()) return fmt::format("{}: expected schemas", path);
    for (const auto& [name, schema] : schemas.items()) {
      auto wrong = run(schema, schemas.is_array() ? fmt::format("{}[{}]", path, name)
                                                  : fmt::format("{}.{}", path, name));
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  static std::string of_type(const Json& value, const std::string& path) {
    const auto names = value.is_array() ? value : Json::array({value});
    for (const auto& name : names) {
      if (name.is_string() && std::ranges::count(types, name.get<std::string>()) > 0) continue;
      return fmt::format("{}: {} is not the name of a type ({})", path, to_text(name),
                         fmt::join(types, ", "));
    }
    return names.empty() ? path + ": no type is named" : "";
  }

  static std::string of_required(const Json& value, const std::string& path) {
    const bool is_list = value.is_array() && std::ranges::all_of(value, &Json::is_string);
    return is_list ? "" : fmt::format("{}: expected a list of names, got {}", path, to_text(value));
  }

  std::string of_dependencies(const Json& value, const std::string& path) {
    if (!value.is_object()) return path + ": expected an object";
    for (const auto& [name, needed] : value.items()) {
      const auto place = path + "." + name;
      auto wrong = needed.is_array() ? of_required(needed, place) : run(needed, place);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  // Whatever a chain of references leads to is looked at where it stands.
  std::string of_reference(const Json& value, const std::string& path) const {
    std::vector<std::string> passed;
    const Json* next = &value;
    while (next != nullptr) {
      if (!next->is_string()) return fmt::format("{}: expected text", path);
      const auto reference = next->get<std::string>();
      const auto named = fmt::format("{}: {}", path, to_text(*next));
      if (!reference.starts_with('#')) {
        return named + " is outside of this schema; a reference is like \"#/definitions/name\"";
      }
      if (std::ranges::count(passed, reference) > 0) return named + " leads back to itself";
      passed.push_back(reference);
      // An encoded one is left to the library.
      if (reference.contains('%')) return "";
      const auto* target = target_of(reference);
      if (target == nullptr) return named + " leads to nothing in this schema";
      next = member(target, "$ref");
    }
    return "";
  }

  const Json* target_of(const std::string& reference) const {
    try {
      const Json::json_pointer pointer(reference.substr(1));
      return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
    } catch (const Json::exception&) {
      return nullptr;  // not a pointer
    }
  }

  // A keyword in which no schema stands.
  static std::string of_other(const std::string& keyword, const Json& value,
                              const std::string& path) {
    try {
      valijson::Schema parsed;
      populate(unordered({{keyword, value}}), parsed);
      return "";
    } catch (const std::exception& error) {
      return fmt::format("{}: {}", path, lower_first(error.what()));
    }
  }

  static std::string of_pattern(const nlohmann::json& schema, const nlohmann::json& value,
                                const std::string& path) {
    try {
      try_out(schema, value);
      return "";
    } catch (const std::exception& error) {
      return fmt::format("{}: not a pattern that can be used: {}", path, lower_first(error.what()));
    }
  }

  const Json& root_;
};

}  // namespace

Result<void> check_schema(const Json& schema, const std::string& name) {
  const std::string& root = name;
  auto wrong = SchemaCheck(schema).run(schema, root);
  if (!wrong.empty()) return fail(ErrorCode::invalid_argument, std::move(wrong));
  try {
    valijson::Schema parsed;
    const auto plain = unordered(schema);
    populate(plain, parsed);
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, root + " " + unusable(error));
  }
  return {};
}

Result<std::vector<std::string>> violations(const Json& schema, const Json& value,
                                            std::string_view root) {
  const auto plain_schema = unordered(schema);
  const auto plain_value = unordered(value);
  std::vector<std::string> lines;
  try {
    valijson::Schema parsed;
    populate(plain_schema, parsed);
    valijson::ValidationResults results;
    valijson::Validator().validate(parsed, Parsed(plain_value), &results);
    for (const auto& error : results) {
      if (is_consequence(error.description)) continue;
      const auto place = place_of(error.context, {std::string(root), &value, &schema});
      auto line = as_line(place, error.description);
      if (std::ranges::count(lines, line) == 0) lines.push_back(std::move(line));
    }
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "argsSchema " + unusable(error));
  }
  return lines;
}

bool fill_defaults(const Json& schema, Json& value) {
  const auto* properties = member(&schema, "properties");
  if (properties == nullptr || !properties->is_object() || !value.is_object()) return false;
  bool added = false;
  for (const auto& [name, described] : properties->items()) {
    const auto* otherwise = member(&described, "default");
    if (!value.contains(name)) {
      if (otherwise == nullptr) continue;
      value[name] = *otherwise;
      added = true;
    }
    added = fill_defaults(described, value[name]) || added;
  }
  return added;
}

std::vector<std::string> property_names(const Json& schema) {
  std::vector<std::string> names;
  const auto* properties = member(&schema, "properties");
  if (properties == nullptr || !properties->is_object()) return names;
  for (const auto& [name, described] : properties->items()) names.push_back(name);
  return names;
}

}  // namespace agentcmd::steps
