#include "engine/memo.h"

#include "base/fault.h"
#include "engine/decide.h"
#include "engine/run_state.h"

#include <gtest/gtest.h>

namespace agentcmd::engine {
namespace {

using namespace history;

std::vector<Event> history_of(std::vector<Detail> details) {
  return number(RunState{}, Time{}, std::move(details));
}

StepScheduled step(std::string key, std::string type = "run") {
  return {.key = {std::move(key)}, .type = std::move(type), .input = {"{}"}};
}

StepCompleted done(std::string key, bool success = true) {
  return {.key = {std::move(key)}, .success = success, .output = {"\"result\""}};
}

std::vector<std::string> keys_of(const Memo& memo) {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : memo) keys.push_back(key.text);
  return keys;
}

using Keys = std::vector<std::string>;

TEST(Memo, HoldsWhatHadEndedBeforeTheStepWasAskedFor) {
  const auto events = history_of({RunCreated{}, RunStarted{}, step("a"), step("b"), done("a"),
                                  step("c"), done("b"), done("c"), RunCompleted{}});
  EXPECT_EQ(keys_of(memo_before(events, {"c"})), Keys{"a"});
  EXPECT_THROW(memo_before(events, {"nowhere"}), Fault);
}

TEST(Memo, SystemStepsBelongToTheirRun) {
  const auto events = history_of(
      {RunCreated{}, step("s", "setupWorkspace"), done("s"), step("a"), done("a"), step("b")});
  EXPECT_EQ(keys_of(memo_before(events, {"b"})), Keys{"a"});
}

TEST(Memo, ARetryKeepsWhatRanBesideTheFailedStepAndEnded) {
  const auto events = history_of({RunCreated{}, step("a"), done("a"), step("bad"), step("beside"),
                                  done("beside"), StepFailed{.key = {"bad"}}, RunFailed{}});
  StepKey at;
  EXPECT_EQ(keys_of(memo_for_retry(events, at)), (Keys{"a"}));
  EXPECT_EQ(at.text, "bad");
}

TEST(Memo, ARetryBeginsAtTheLastUnsuccessfulResultWhereNothingThrew) {
  const auto events = history_of({RunCreated{}, step("a"), done("a"), step("tests", "cli"),
                                  done("tests", false), RunFailed{}});
  StepKey at;
  EXPECT_EQ(keys_of(memo_for_retry(events, at)), Keys{"a"});
  EXPECT_EQ(at.text, "tests");
}

TEST(Memo, ARetryOfCodeThatFailedKeepsEverything) {
  const auto events = history_of({RunCreated{}, step("a"), done("a"), RunFailed{}});
  StepKey at{"x"};
  EXPECT_EQ(keys_of(memo_for_retry(events, at)), Keys{"a"});
  EXPECT_EQ(at.text, "");
}

TEST(Memo, IsReadAsItWasWritten) {
  const auto events = history_of(
      {RunCreated{}, step("a", "cli"), done("a", false), TimerStarted{.key = {"t"}},
       TimerFired{{"t"}}, WaitStarted{.key = {"w"}, .event = "e"},
       EventReceived{.event = "7", .name = "e", .sent_at = Time(Milliseconds(5)), .data = {"1.0"}},
       WaitMatched{{"w"}, "7"}, WaitStarted{.key = {"late"}, .event = "e"}, WaitTimedOut{{"late"}},
       GateOpened{.key = {"g"}},
       GateDecided{.key = {"g"}, .approved = true, .option = "yes", .by = "me", .reason = "so"},
       step("end")});
  const auto memo = memo_before(events, {"end"});
  EXPECT_EQ(memo.size(), 5U);
  EXPECT_EQ(memo_from(memo_text(memo)), memo);
}

bool no_slot(const std::string&) {
  return false;
}

TEST(Memo, WhatItHoldsIsOverAsSoonAsItIsAskedFor) {
  RunState state;
  for (const auto& event : history_of(
           {RunCreated{},
            MemoImported{.from = "r",
                         .memo = memo_text(Memo{{{"a"}, MemoStep{.type = "run", .output = {"1"}}},
                                                {{"t"}, MemoTimer{}}})},
            RunStarted{}})) {
    state.apply(event);
  }
  const auto decision =
      decide(state, {ScheduleStep{.key = {"a"}, .type = "run"}, StartTimer{.key = {"t"}}}, no_slot);
  ASSERT_EQ(decision.details.size(), 2U);  // scheduled and started, but no attempt
  ASSERT_EQ(decision.known.size(), 2U);
  EXPECT_TRUE(std::get<StepCompleted>(decision.known[0]).imported);
  EXPECT_TRUE(std::holds_alternative<TimerFired>(decision.known[1]));

  for (auto& event : number(state, Time{}, decision.details)) state.apply(event);
  EXPECT_EQ(known_of(state).size(), 2U);  // as after a restart
  for (auto& event : number(state, Time{}, decision.known)) state.apply(event);
  EXPECT_TRUE(known_of(state).empty());
  EXPECT_TRUE(state.memo.empty());
}

// A run whose memo has the steps "a" (run) and "b" (cli), given {}.
RunState with_memo() {
  const auto former = history_of({RunCreated{}, step("a"), done("a"), step("b", "cli"), done("b")});
  RunState state;
  for (const auto& event :
       history_of({RunCreated{}, MemoImported{.from = "r", .memo = memo_text(memo_of(former))},
                   RunStarted{}})) {
    state.apply(event);
  }
  return state;
}

TEST(Memo, WhatIsSomethingElseNowIsDoneAnew) {
  auto state = with_memo();
  const auto decision = decide(
      state, {ScheduleStep{.key = {"b"}, .type = "agent"}, StartTimer{.key = {"a"}}}, no_slot);
  EXPECT_TRUE(decision.known.empty());
  for (auto& event : number(state, Time{}, decision.details)) state.apply(event);
  EXPECT_TRUE(known_of(state).empty()) << "nor after a restart";
  EXPECT_TRUE(state.memo.empty());
}

TEST(Memo, AChangedInputIsNotedAndTheResultTaken) {
  const auto state = with_memo();
  const auto same =
      decide(state, {ScheduleStep{.key = {"a"}, .type = "run", .input = {"{}"}}}, no_slot);
  EXPECT_EQ(same.details.size(), 1U);
  const auto changed =
      decide(state, {ScheduleStep{.key = {"b"}, .type = "cli", .input = {"{\"x\":1}"}}}, no_slot);
  EXPECT_EQ(changed.known.size(), 1U);
  ASSERT_EQ(changed.details.size(), 2U);
  EXPECT_TRUE(std::get<Logged>(changed.details[1]).message.contains("'b'"));
}

TEST(Memo, NamesItsClosures) {
  EXPECT_EQ(closures_in(with_memo().memo), Keys{"a"});
}

}  // namespace
}  // namespace agentcmd::engine
