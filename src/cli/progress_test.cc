#include "cli/progress.h"

#include "cli/text_width.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

using Lines = std::vector<std::string>;

history::Event at(std::int64_t millis, history::Detail detail) {
  return {1, from_millis(millis), std::move(detail)};
}

const history::StepKey& key() {
  static const auto& value = *new history::StepKey{"implement/run-tests"};
  return value;
}

history::StepScheduled scheduled() {
  return {key(), "cli", "run-tests", "implement", {"{}"}};
}

Style live() {
  Style style;
  style.live = true;
  style.width = 40;
  return style;
}

Progress started(Style style) {
  Progress progress(style);
  progress.on_event(at(0, scheduled()));
  progress.on_event(at(1000, history::StepStarted{key(), 1}));
  return progress;
}

TEST(Progress, PhasesAreShownByTheirLabel) {
  Progress progress({});
  EXPECT_EQ(progress.on_event(at(0, history::PhaseStarted{"implement", "Implement it"})),
            Lines{"▸ Implement it"});
}

TEST(Progress, WithoutATerminalAStepIsAnnounced) {
  Progress progress({});
  EXPECT_TRUE(progress.on_event(at(0, scheduled())).empty());
  EXPECT_EQ(progress.on_event(at(0, history::StepStarted{key(), 1})), Lines{"  • run-tests (cli)"});
}

TEST(Progress, OnATerminalTheStatusLineShowsWhatRuns) {
  auto progress = started(live());
  EXPECT_EQ(progress.status(from_millis(4200), 0), "⠋ run-tests 3.2 s");
  progress.on_event(at(5000, history::StepCompleted{key(), 1, true, {"{}"}}));
  EXPECT_EQ(progress.status(from_millis(6000), 1), "⠙ working");
}

TEST(Progress, AGateSaysWhatItAsksAndWhoDecided) {
  Progress progress({});
  const history::StepKey gate{"ship/go"};
  EXPECT_EQ(progress.on_event(at(0, history::GateOpened{.key = gate,
                                                        .name = "go",
                                                        .phase = "ship",
                                                        .timeout_at = from_millis(5000),
                                                        .gate = {R"({"title":"Ship?"})"}})),
            Lines{"  • go waits for approval: Ship?, until 1970-01-01T00:00:05.000Z"});
  EXPECT_EQ(progress.status(from_millis(2000), 0), "⠋ go 2.0 s");
  EXPECT_EQ(progress.on_event(at(3000, history::GateDecided{.key = gate,
                                                            .approved = true,
                                                            .timed_out = false,
                                                            .option = "now",
                                                            .by = "ada",
                                                            .reason = "green"})),
            Lines{"  ✓ go  3.0 s  approved by ada (now): green"});
  EXPECT_EQ(progress.status(from_millis(4000), 0), "⠋ working");
}

TEST(Progress, AWaitNamesItsEventAndEndsWithIt) {
  Progress progress({});
  const history::WaitStarted wait{
      .key = {"merged"}, .name = "merged", .phase = {}, .event = "pull/merged", .timeout_at = {}};
  EXPECT_EQ(progress.on_event(at(0, wait)), Lines{"• merged waits for event pull/merged"});
  EXPECT_EQ(progress.on_event(at(1000, history::WaitMatched{{"merged"}, "7"})),
            Lines{"✓ merged  1.0 s"});
  progress.on_event(at(2000, wait));
  EXPECT_EQ(progress.on_event(at(2000, history::WaitTimedOut{{"merged"}})),
            Lines{"– merged  0 ms  no event in time"});
}

TEST(Progress, TheStatusLineShowsWhatAClosureSaysOfItsProgress) {
  auto progress = started(live());
  progress.on_event(
      at(2000, history::StepCheckpoint{key(), 1, {R"({"progress":"{\"done\":3}"})"}}));
  EXPECT_EQ(progress.status(from_millis(4200), 0), "⠋ run-tests 3.2 s {\"done\":3}");
}

TEST(Progress, TheStatusLineFitsTheTerminal) {
  auto progress = started(live());
  const history::StepKey other{"implement/another-step-with-a-long-name"};
  progress.on_event(at(0, history::StepScheduled{other, "cli", other.text, "", {"{}"}}));
  progress.on_event(at(0, history::StepStarted{other, 1}));
  EXPECT_LE(display_width(progress.status(from_millis(100'000), 0)), 40u);
}

TEST(Progress, ACompletedStepHasItsDuration) {
  auto progress = started({});
  EXPECT_EQ(progress.on_event(at(2200, history::StepCompleted{key(), 1, true, {"{}"}})),
            Lines{"  ✓ run-tests  1.2 s"});
}

TEST(Progress, ANoSuccessHasItsReason) {
  auto progress = started({});
  const JsonText output{R"({"success":false,"data":{"exitCode":2}})"};
  EXPECT_EQ(progress.on_event(at(2200, history::StepCompleted{key(), 1, false, output})),
            Lines{"  ✗ run-tests  1.2 s  exit 2"});
}

TEST(Progress, AFailureShowsItsFirstLine) {
  auto progress = started({});
  const history::Failure failure{.name = "Error", .message = "no such file\nmore"};
  EXPECT_EQ(progress.on_event(at(2200, history::StepFailed{key(), 1, failure, true, {}})),
            Lines{"  ! run-tests  1.2 s  no such file; it is tried again"});
}

TEST(Progress, OutputIsShownByLines) {
  auto progress = started({});
  EXPECT_TRUE(progress.on_output(key(), "stdout", "one").empty());
  EXPECT_EQ(progress.on_output(key(), "stdout", " and\ntwo\nthr"),
            (Lines{"    run-tests │ one and", "    run-tests │ two"}));
  EXPECT_EQ(progress.on_event(at(1001, history::StepCompleted{key(), 1, true, {"{}"}})),
            (Lines{"    run-tests │ thr", "  ✓ run-tests  1 ms"}));
}

TEST(Progress, StreamsDoNotMixWithinALine) {
  auto progress = started({});
  EXPECT_TRUE(progress.on_output(key(), "stdout", "out").empty());
  EXPECT_EQ(progress.on_output(key(), "stderr", "err\n"), Lines{"    run-tests │ err"});
}

TEST(Progress, OutputCannotMoveTheCursor) {
  auto progress = started({});
  EXPECT_EQ(progress.on_output(key(), "stdout", "10%\r\x1b[2J100%\x07\r\n"),
            Lines{"    run-tests │ 100%"});
}

TEST(Progress, ColoursSurroundOnlyWhatTheyMean) {
  Style style;
  style.color = true;
  auto progress = started(style);
  EXPECT_EQ(progress.on_event(at(2200, history::StepCompleted{key(), 1, true, {"{}"}})),
            Lines{"  \x1b[32m✓\x1b[0m run-tests  \x1b[2m1.2 s\x1b[0m"});
}

TEST(Progress, RememberedEventsGiveNamesButNoLines) {
  Progress progress({});
  progress.remember(at(0, scheduled()));
  progress.remember(at(0, history::StepStarted{key(), 1}));
  EXPECT_EQ(progress.on_event(at(1500, history::StepCompleted{key(), 1, true, {"{}"}})),
            Lines{"  ✓ run-tests  1.5 s"});
}

TEST(Progress, AResultThatWasTakenOverTookNoTime) {
  Progress progress({});
  progress.on_event(at(0, scheduled()));
  const history::StepCompleted known{
      .key = key(), .success = true, .output = {"{}"}, .imported = true};
  EXPECT_EQ(progress.on_event(at(1'790'000'000'000, known)), Lines{"  ✓ run-tests"});
}

TEST(Progress, LogLinesAreMarkedByLevel) {
  Progress progress({});
  EXPECT_EQ(progress.on_event(at(0, history::Logged{"info", "", "hello\nthere"})),
            (Lines{"│ hello", "│ there"}));
  EXPECT_EQ(progress.on_event(at(0, history::Logged{"warn", "p", "careful"})),
            Lines{"  ! careful"});
}

TEST(Progress, AsciiTerminalsGetAsciiSigns) {
  Style style;
  style.unicode = false;
  auto progress = started(style);
  EXPECT_EQ(progress.on_event(at(2200, history::StepCompleted{key(), 1, true, {"{}"}})),
            Lines{"  + run-tests  1.2 s"});
}

}  // namespace
}  // namespace agentcmd::cli
