#include "history/history.h"

#include "base/fault.h"

#include <gtest/gtest.h>

namespace agentcmd::history {
namespace {

std::vector<Event> numbered(std::vector<Detail> details) {
  std::vector<Event> events;
  for (auto& detail : details) {
    events.push_back({.seq = events.size() + 1, .at = Time{}, .detail = std::move(detail)});
  }
  return events;
}

StepScheduled scheduled(std::string key) {
  return {.key = {std::move(key)}, .type = "cli"};
}

TEST(History, AWholeRunHoldsAllInvariants) {
  EXPECT_NO_THROW(
      check_history(numbered({RunCreated{}, RunStarted{}, scheduled("a"), StepStarted{{"a"}, 1},
                              StepCompleted{.key = {"a"}}, RunCompleted{}})));
}

TEST(History, SequenceNumbersAreDenseFromOne) {
  auto events = numbered({RunCreated{}, RunStarted{}});
  events[1].seq = 3;
  EXPECT_THROW(check_history(events), Fault);
}

TEST(History, TheFirstEventIsRunCreated) {
  EXPECT_THROW(check_history(numbered({RunStarted{}})), Fault);
  EXPECT_THROW(check_history(numbered({RunCreated{}, RunCreated{}})), Fault);
}

TEST(History, NothingFollowsAnEnd) {
  EXPECT_THROW(check_history(numbered({RunCreated{}, RunCompleted{}, Logged{}})), Fault);
}

TEST(History, StepEventsNameAnOpenStep) {
  EXPECT_THROW(check_history(numbered({RunCreated{}, StepStarted{{"a"}, 1}})), Fault);
  EXPECT_THROW(check_history(numbered({RunCreated{}, scheduled("a"), StepCompleted{.key = {"a"}},
                                       StepStarted{{"a"}, 2}})),
               Fault);
}

}  // namespace
}  // namespace agentcmd::history
