#include "history/history.h"

#include "base/fault.h"

#include <fmt/format.h>

#include <set>

namespace agentcmd::history {
namespace {

// Open steps of the history read so far: scheduled and not ended.
class OpenSteps {
 public:
  // False where the event names a step that is not open.
  bool apply(const Detail& detail) {
    if (const auto* scheduled = std::get_if<StepScheduled>(&detail)) {
      return open_.insert(scheduled->key).second;
    }
    if (const auto* started = std::get_if<StepStarted>(&detail))
      return open_.contains(started->key);
    if (const auto* failed = std::get_if<StepFailed>(&detail)) {
      return failed->retry ? open_.contains(failed->key) : open_.erase(failed->key) == 1;
    }
    if (const auto* completed = std::get_if<StepCompleted>(&detail)) {
      return open_.erase(completed->key) == 1;
    }
    if (const auto* timed_out = std::get_if<StepTimedOut>(&detail)) {
      return open_.erase(timed_out->key) == 1;
    }
    if (const auto* cancelled = std::get_if<StepCancelled>(&detail)) {
      return open_.erase(cancelled->key) == 1;
    }
    return true;
  }

 private:
  std::set<StepKey> open_;
};

[[noreturn]] void broken(std::string_view invariant, std::uint64_t seq) {
  throw Fault(fmt::format("damaged history at event {}: {}", seq, invariant));
}

}  // namespace

bool is_end(const Detail& detail) {
  return std::holds_alternative<RunCompleted>(detail) ||
         std::holds_alternative<RunFailed>(detail) || std::holds_alternative<RunCancelled>(detail);
}

void check_history(std::span<const Event> events) {
  OpenSteps steps;
  std::uint64_t expected = 0;
  bool ended = false;
  for (const auto& event : events) {
    if (event.seq != ++expected)
      broken(fmt::format("expected sequence number {}", expected), event.seq);
    if (std::holds_alternative<RunCreated>(event.detail) != (event.seq == 1)) {
      broken("RunCreated must be the first event and the first only", event.seq);
    }
    if (ended) broken("there is an event after the end of the run", event.seq);
    if (!steps.apply(event.detail)) broken("a step event names a step that is not open", event.seq);
    ended = is_end(event.detail);
  }
}

}  // namespace agentcmd::history
