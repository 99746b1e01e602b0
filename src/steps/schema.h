#pragma once
// What a JSON Schema (draft 7) says about a value, for the arguments of workflows and
// the answers of models.

#include "base/json.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::steps {

// Whether values can be checked against the schema. invalid_argument says what is wrong with it and
// where, from `name` on:
// "argsSchema.properties.tries.type: 12 is not the name of a type (…)".
Result<void> check_schema(const Json& schema, const std::string& name = "argsSchema");

// Every reason why `value` does not fit `schema`, in plain words and with its path, which begins
// with `root`: "args.tries: expected number, got string". Empty when it fits. invalid_argument when
// the schema itself cannot be used.
Result<std::vector<std::string>> violations(const Json& schema, const Json& value,
                                            std::string_view root);

// Fills in the `default`s of absent properties, in nested objects that are there too; items of
// arrays are left as they are. True if something was added.
bool fill_defaults(const Json& schema, Json& value);

// The names that `properties` of the schema has.
std::vector<std::string> property_names(const Json& schema);

}  // namespace agentcmd::steps
