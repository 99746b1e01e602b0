// Recorded histories of every feature (scripts/record-histories), each with the code that it was
// recorded with: this version must replay them all. One that fails is never to be recorded anew; it
// means that runs of users would pause.

#include "support/sandbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  return fs::path(AGENTCMD_SOURCE_DIR) / "tests" / "histories";
}

std::vector<std::string> stems(const fs::path& where, std::string_view extension) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(where)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

Json document(const std::string& name) {
  std::ifstream in(folder() / (name + ".json"));
  return Json::parse(in);
}

class Histories : public testing::TestWithParam<std::string> {
 protected:
  Json replay(const fs::path& history, int code) const {
    const auto finished = sandbox.agentcmd({"replay", history.string(), "--json"});
    EXPECT_EQ(finished.code, code) << finished.out << finished.err;
    return finished.code == code ? Json::parse(finished.out) : Json();
  }
  Sandbox sandbox;
};

TEST_P(Histories, Replays) {
  const auto verdict = replay(folder() / (GetParam() + ".json"), 0);
  EXPECT_GT(verdict["commands"], 1);
}

// Without this a replay that compares nothing would go unnoticed.
TEST_P(Histories, IsNoLongerMatchedWhenItsLastStepWasAnother) {
  auto spoilt = document(GetParam());
  auto& events = spoilt["events"];
  const auto last = std::find_if(events.rbegin(), events.rend(), [](const Json& event) {
    return event["kind"] == "StepScheduled";
  });
  ASSERT_NE(last, events.rend());
  (*last)["fields"]["type"] = "another";
  const auto file = sandbox.root / "spoilt.json";
  std::ofstream(file) << spoilt.dump();
  const auto verdict = replay(file, 1);
  EXPECT_EQ(verdict["mismatch"]["expected"]["type"], "another") << verdict;
}

TEST(HistoriesFolder, HasARecordingOfEachOfItsDefinitions) {
  EXPECT_EQ(stems(folder(), ".json"), stems(folder() / "definitions", ".ts"));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name;
  std::ranges::copy_if(info.param, std::back_inserter(name),
                       [](unsigned char c) { return std::isalnum(c) != 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Recorded, Histories, testing::ValuesIn(stems(folder(), ".json")),
                         test_name);

}  // namespace
}  // namespace agentcmd::test
