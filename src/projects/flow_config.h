#pragma once
// From what a definition declares about runs at once to what one run of it asks for:
//
//   concurrency   2, or {limit: 2, key?}: so many runs at once, or so many for each key
//   singleton     true, or {key?, mode?}: one at a time; a second one is refused ("skip", the
//                 default), waits ("queue"), or cancels the first ("cancel-old")
//   idempotency   a key: it starts one run, and whoever comes later gets that one
//   priority      a whole number: the highest waits the shortest within its project
//
// A key is a path into the arguments ("env", "args.env", "user.id") or a text with such paths in
// braces ("{env}-{region}"). What is not there counts as null; an idempotency key of which
// something is not there does not hold for the run.

#include "base/json.h"
#include "base/result.h"
#include "runtime/driver.h"

#include <filesystem>
#include <string>

namespace agentcmd::projects {

struct FlowTerms {
  history::Flow flow;
  runtime::StartPolicy policy;
};

// `config` is that of script::WorkflowInfo. invalid_argument says what of the definition is wrong.
Result<FlowTerms> flow_terms(const std::filesystem::path& project, const std::string& definition,
                             const JsonText& config, const JsonText& args);

// What a key says for these arguments; nothing where a part is not there.
std::optional<std::string> evaluate_key(const std::string& key, const Json& args);

}  // namespace agentcmd::projects
