#include "cli/answered_gates.h"

#include "base/json.h"

#include <utility>

namespace agentcmd::cli {

// The first answer is the one that counts.
Task<std::map<history::StepKey, std::string>> answered_gates(store::Requests& requests,
                                                             history::RunId run) {
  std::map<history::StepKey, std::string> answered;
  for (const auto& request : co_await requests.pending(std::move(run))) {
    if (request.kind != "gate") continue;
    const auto data = parse_trusted(request.data.text, "a request");
    answered.try_emplace({string_or(data, "key")}, string_or(data, "by"));
  }
  co_return answered;
}

}  // namespace agentcmd::cli
