#include "steps/step.h"

#include <algorithm>
#include <utility>

namespace agentcmd::steps {

std::filesystem::path Step::attempt_dir() const {
  return run.run_dir / "logs" / folder_name(key) / std::to_string(attempt);
}

std::string folder_name(const history::StepKey& key) {
  std::string name;
  for (const char letter : key.text) {
    if (letter == '/') {
      name += "__";
    } else {
      name += letter;
    }
  }
  return name;
}

std::string_view to_string(OnLost policy) {
  switch (policy) {
    case OnLost::retry:
      return "retry";
    case OnLost::resume:
      return "resume";
    case OnLost::probe:
      return "probe";
    case OnLost::ask:
      return "ask";
    case OnLost::fail:
      return "fail";
  }
  std::unreachable();
}

std::optional<OnLost> on_lost_from(std::string_view text) {
  for (const auto policy :
       {OnLost::retry, OnLost::resume, OnLost::probe, OnLost::ask, OnLost::fail}) {
    if (to_string(policy) == text) return policy;
  }
  return std::nullopt;
}

}  // namespace agentcmd::steps
