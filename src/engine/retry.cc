#include "engine/retry.h"

#include "engine/memo.h"

#include <algorithm>
#include <cmath>

namespace agentcmd::engine {
namespace {

double number_or(const Json& object, std::string_view key, double otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

Milliseconds wait_or(const Json& object, std::string_view key, Milliseconds otherwise) {
  const auto value = number_or(object, key, static_cast<double>(otherwise.count()));
  return Milliseconds(static_cast<std::int64_t>(std::max(value, 0.0)));
}

}  // namespace

RetryPolicy retry_policy(std::string_view type, const JsonText& input) {
  RetryPolicy policy;
  if (is_system_step(type)) policy.attempts = 1;  // its refusals are about what was asked for
  // A lost conversation costs money and time: somebody should look first.
  policy.pause = type == "agent" || type == "ai";
  const auto parsed = parse_trusted(input.text, "input of a step");
  const auto options = parsed.find("options");
  if (options == parsed.end() || !options->is_object()) return policy;
  if (const auto exhausted = string_or(*options, "onExhausted"); !exhausted.empty()) {
    policy.pause = exhausted == "pause";
  }
  const auto retry = options->find("retry");
  if (retry == options->end() || !retry->is_object()) return policy;
  const auto attempts = number_or(*retry, "attempts", policy.attempts);
  policy.attempts = static_cast<std::uint32_t>(std::clamp(attempts, 1.0, 1e6));
  policy.initial = wait_or(*retry, "initial", policy.initial);
  policy.factor = std::max(1.0, number_or(*retry, "factor", policy.factor));
  policy.max = wait_or(*retry, "max", policy.max);
  policy.jitter =
      std::clamp(number_or(*retry, "jitter", bool_or(*retry, "jitter") ? 0.5 : 0), 0.0, 1.0);
  policy.timeouts = bool_or(*retry, "timeouts");
  if (const auto names = retry->find("nonRetryable"); names != retry->end() && names->is_array()) {
    for (const auto& name : *names) {
      if (name.is_string()) policy.non_retryable.push_back(name.get<std::string>());
    }
  }
  return policy;
}

std::optional<Milliseconds> wait_before_retry(const RetryPolicy& policy,
                                              const history::Failure& failure,
                                              std::uint32_t failures, double chance) {
  if (failure.final || failures >= policy.attempts) return std::nullopt;
  if (std::ranges::find(policy.non_retryable, failure.name) != policy.non_retryable.end()) {
    return std::nullopt;
  }
  if (failure.retry_after != 0) {
    return Milliseconds(static_cast<std::int64_t>(failure.retry_after));
  }
  const auto grown = static_cast<double>(policy.initial.count()) *
                     std::pow(policy.factor, static_cast<double>(failures) - 1);
  const auto longest = static_cast<double>(policy.max.count());
  const auto wait = std::min(grown, longest) * (1 + policy.jitter * (2 * chance - 1));
  return Milliseconds(static_cast<std::int64_t>(wait));
}

// FNV-1a over what names the wait, then the finish of splitmix64, which spreads it over all bits.
double chance_of(std::uint64_t seed, const history::StepKey& key, std::uint32_t failures) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char letter : key.text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  hash = (hash ^ failures) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  hash ^= hash >> 31;
  return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

}  // namespace agentcmd::engine
