#include "cli/verdict.h"

#include <fmt/format.h>

namespace agentcmd::cli {

Json verdict_json(const runtime::ReplayVerdict& verdict) {
  return {{"matches", verdict.matches()},
          {"commands", verdict.commands},
          {"mismatch", verdict.mismatch ? engine::to_json(*verdict.mismatch) : Json()},
          {"failure", verdict.failure.empty() ? Json() : Json(verdict.failure)}};
}

std::string in_words(const runtime::ReplayVerdict& verdict) {
  if (!verdict.matches()) return runtime::describe(verdict);
  return verdict.commands == 1 ? "1 command" : fmt::format("{} commands", verdict.commands);
}

}  // namespace agentcmd::cli
