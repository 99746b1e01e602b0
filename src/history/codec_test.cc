#include "history/codec.h"

#include "base/fault.h"

#include <gtest/gtest.h>

#include <limits>

namespace agentcmd::history {
namespace {

using namespace std::chrono_literals;

const Failure failure{"TypeError", "no \"such\" thing\n", "at a.ts:1:2\n\tat b.ts:3:4", true, 1500,
                      "total"};
const StepKey key{"phase/step#2"};

// One of each kind, with every field set to something other than its default.
const std::vector<std::pair<std::string_view, Detail>>& all_kinds() {
  static const std::vector<std::pair<std::string_view, Detail>> kinds{
      {"RunCreated", RunCreated{"id",
                                "a/b.ts",
                                "c0de",
                                "/p ä/ö",
                                "name",
                                60000,
                                ~std::uint64_t{0},
                                "fork",
                                "cause",
                                "parent",
                                "a/b",
                                "from",
                                "a/c",
                                "flow",
                                {R"({"args":{}})"}}},
      {"RunStarted", RunStarted{}},
      {"RunCompleted", RunCompleted{{"null"}}},
      {"RunFailed", RunFailed{failure}},
      {"RunCancelRequested", RunCancelRequested{"Ctrl-C", true}},
      {"RunCancelled", RunCancelled{}},
      {"RunPaused", RunPaused{"lost", "what to do", {R"({"step":"a"})"}}},
      {"RunResumed", RunResumed{"runs resume", "c0de2"}},
      {"StepScheduled", StepScheduled{key, "cli", "My Step", "phase", {R"({"command":"ls"})"}}},
      {"StepStarted", StepStarted{key, 3}},
      {"StepCheckpoint", StepCheckpoint{key, 3, {R"({"session":"s"})"}}},
      {"StepCompleted", StepCompleted{key, 3, false, {"[1,2]"}, true}},
      {"StepFailed", StepFailed{key, 3, failure, true, Time(1234567890123ms)}},
      {"StepTimedOut", StepTimedOut{key, 3, failure}},
      {"StepCancelled", StepCancelled{key}},
      {"StepLost", StepLost{key, 3, "no exit.json", "ask"}},
      {"TimerStarted", TimerStarted{key, "wait", "phase", Time(1234567890123ms)}},
      {"TimerFired", TimerFired{key}},
      {"TimerCancelled", TimerCancelled{key}},
      {"PhaseStarted", PhaseStarted{"a/b", "A, then B"}},
      {"PhaseCompleted", PhaseCompleted{"a/b"}},
      {"PhaseFailed", PhaseFailed{"a/b", "message"}},
      {"Annotated", Annotated{key, "a", "note"}},
      {"Logged", Logged{"warn", "a", "line\x01\\ \"quoted\" ü"}},
      {"RunUpdated", RunUpdated{{R"({"pr_url":"x"})"}}},
      {"EventReceived",
       EventReceived{"17", "deploy/done", "a/wait", Time(1234567890123ms), {R"({"ok":true})"}}},
      {"WaitStarted", WaitStarted{key, "wait", "phase", "deploy/done", Time(1234567890123ms)}},
      {"WaitMatched", WaitMatched{key, "17"}},
      {"WaitTimedOut", WaitTimedOut{key}},
      {"WaitCancelled", WaitCancelled{key}},
      {"GateOpened",
       GateOpened{
           key, "gate", "phase", Time(1234567890123ms), {"step"}, {R"({"title":"Deploy?"})"}}},
      {"GateDecided", GateDecided{key, true, true, "yes", "me", "because", {"step"}, R"({"a":1})"}},
      {"GateCancelled", GateCancelled{key}},
      {"MemoImported", MemoImported{"run", {R"({"a/b":{}})"}}},
      {"PatchMarked", PatchMarked{"v2"}},
  };
  return kinds;
}

Detail round_trip(const Detail& detail) {
  auto encoded = encode(detail);
  return decode(encoded.kind, encoded.fields, std::move(encoded.payload));
}

TEST(Codec, EveryKindIsReadAsItWasWritten) {
  ASSERT_EQ(all_kinds().size(), std::variant_size_v<Detail>);
  for (std::size_t i = 0; i < all_kinds().size(); ++i) {
    const auto& [kind, detail] = all_kinds()[i];
    EXPECT_EQ(detail.index(), i) << kind << " is missing from this test or out of order";
    EXPECT_EQ(kind_of(detail), kind);
    EXPECT_EQ(round_trip(detail), detail) << kind << ": " << encode(detail).fields;
  }
}

TEST(Codec, DefaultsAreReadAsTheyWereWritten) {
  EXPECT_EQ(round_trip(RunCreated{}), Detail(RunCreated{}));
  EXPECT_EQ(round_trip(StepCompleted{}), Detail(StepCompleted{}));
  EXPECT_EQ(round_trip(RunFailed{}), Detail(RunFailed{}));
}

TEST(Codec, FieldsAreAJsonObjectWithSnakeCaseNames) {
  const auto encoded = encode(RunResumed{"me \"and\" you", "c0de"});
  EXPECT_EQ(encoded.fields, R"({"by":"me \"and\" you","code_hash":"c0de"})");
  EXPECT_EQ(encode(RunStarted{}).fields, "{}");
}

TEST(Codec, APayloadKeepsEveryByte) {
  const std::string payload =
      " {\"z\": 123456789012345678901234567890,\t\"a\":1.0 ,\n \"a\":\"\\u00e4\"} ";
  EXPECT_EQ(encode(StepCompleted{.key = key, .output = {payload}}).payload, payload);
  const auto back = round_trip(StepCompleted{.key = key, .output = {payload}});
  EXPECT_EQ(std::get<StepCompleted>(back).output.text, payload);
}

TEST(Codec, BytesThatAreNotUtf8AreReplacedSoThatTheRowStaysJson) {
  const auto back = round_trip(Logged{"info", "", "a\xff z"});
  EXPECT_EQ(std::get<Logged>(back).message, "a\xEF\xBF\xBD z");
}

std::string fault_of(std::string_view kind, std::string_view fields) {
  try {
    decode(kind, fields, {});
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "no fault";
}

TEST(Codec, AnUnknownKindIsAFaultThatNamesIt) {
  EXPECT_NE(fault_of("NeverHeard", "{}").find("'NeverHeard'"), std::string::npos);
}

TEST(Codec, FieldsThatDoNotFitAreAFaultThatNamesThem) {
  EXPECT_NE(fault_of("StepStarted", R"({"attempt":1})").find("'key'"), std::string::npos);
  EXPECT_NE(fault_of("StepStarted", R"({"key":"a","attempt":"1"})").find("'attempt'"),
            std::string::npos);
  EXPECT_NE(fault_of("StepStarted", R"({"key":"a","attempt":4294967296})").find("'attempt'"),
            std::string::npos);
  EXPECT_NE(fault_of("StepStarted", "[]").find("StepStarted"), std::string::npos);
  EXPECT_NE(fault_of("StepStarted", "{").find("StepStarted"), std::string::npos);
}

TEST(Codec, PeopleSeeFieldsAndTheParsedPayload) {
  const Event event{
      .seq = 7, .at = Time(0ms), .detail = StepCompleted{.key = {"a"}, .output = {R"({"b":[1]})"}}};
  EXPECT_EQ(to_text(to_json(event)),
            R"({"seq":7,"at":"1970-01-01T00:00:00.000Z","kind":"StepCompleted","key":"a",)"
            R"("attempt":1,"success":true,"output":{"b":[1]}})");
  const Event timer{.seq = 8, .at = Time(0ms), .detail = TimerStarted{.fire_at = Time(1000ms)}};
  EXPECT_EQ(to_json(timer).at("fire_at"), "1970-01-01T00:00:01.000Z");
}

}  // namespace
}  // namespace agentcmd::history
