#pragma once
// When a step that threw is tried again. Pure: the wait is a function of the policy and the count.

#include "base/clock.h"
#include "history/event.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::engine {

struct RetryPolicy {
  std::uint32_t attempts = 3;  // in all
  Milliseconds initial{1000};  // before the second attempt
  double factor = 2;
  Milliseconds max{60'000};
  double jitter = 0;  // share of the wait that chance adds or takes away, at most
  std::vector<std::string> non_retryable;  // names of errors
  bool timeouts = false;                   // a timed-out attempt is tried again, too
  bool pause = false;                      // after the last attempt the run pauses (onExhausted)
  bool operator==(const RetryPolicy&) const = default;
};

// The policy of a step: `options.retry` and `options.onExhausted` of its input (durations in
// milliseconds) over what its type has by default. What does not fit is taken as not said: the SDK
// has refused it before.
RetryPolicy retry_policy(std::string_view type, const JsonText& input);

// The wait before the next attempt; nothing when there is none. `failures` counts this one;
// `chance` (0 to 1, without 1) is where the jitter lies.
std::optional<Milliseconds> wait_before_retry(const RetryPolicy& policy,
                                              const history::Failure& failure,
                                              std::uint32_t failures, double chance = 0.5);

// Of one wait: the same in every replay, another in every run, step and attempt.
double chance_of(std::uint64_t seed, const history::StepKey& key, std::uint32_t failures);

}  // namespace agentcmd::engine
