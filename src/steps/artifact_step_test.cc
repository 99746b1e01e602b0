#include "steps/glob.h"
#include "steps/test_support.h"

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::write_file;

TEST(Glob, StarsStayWithinAFolderAndDoubleStarsDoNot) {
  EXPECT_TRUE(matches_glob("*.txt", "a.txt"));
  EXPECT_FALSE(matches_glob("*.txt", "sub/a.txt"));
  EXPECT_TRUE(matches_glob("**/*.txt", "a.txt"));
  EXPECT_TRUE(matches_glob("**/*.txt", "x/y/a.txt"));
  EXPECT_TRUE(matches_glob("x/**", "x/y/a.txt"));
  EXPECT_FALSE(matches_glob("**/y", "xy"));
  EXPECT_TRUE(matches_glob("a?c", "abc"));
  EXPECT_FALSE(matches_glob("a?c", "a/c"));
}

TEST(Glob, SetsAndChoices) {
  EXPECT_TRUE(matches_glob("[a-c]1", "b1"));
  EXPECT_FALSE(matches_glob("[!a-c]1", "b1"));
  EXPECT_TRUE(matches_glob("*.{png,jp{g,eg}}", "x.jpeg"));
  EXPECT_FALSE(matches_glob("*.{png,jpg}", "x.gif"));
  EXPECT_TRUE(matches_glob("a[b", "a[b"));
  EXPECT_TRUE(matches_glob("a{b", "a{b"));
}

TEST(Glob, CostlyPatternsEnd) {
  EXPECT_FALSE(matches_glob("**/*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
  std::string many;
  for (int i = 0; i < 20; ++i) many += "{a,b}";
  EXPECT_FALSE(matches_glob(many, std::string(20, 'a')));
}

class ArtifactStep : public StepTest {
 protected:
  fs::path root() const { return dir_ / "run/artifacts/phase__artifact"; }
};

TEST_F(ArtifactStep, ATextIsKeptUnderItsName) {
  const auto outcome = run(
      make_step("artifact", {{"name", "reports/ü.md"}, {"type", "text"}, {"content", "# Hällo"}}));
  const auto result = result_of(outcome);
  EXPECT_EQ(contents(root() / "reports/ü.md"), "# Hällo");
  EXPECT_EQ(result["data"]["count"], 1);
  EXPECT_EQ(result["data"]["totalSize"], 8);
  EXPECT_EQ(result["data"]["artifactIds"][0], result["data"]["artifacts"][0]["id"]);
  EXPECT_EQ(result["data"]["artifacts"][0]["mime"], "text/markdown");
  ASSERT_EQ(outcome.notes.size(), 1U);
  EXPECT_NE(std::get<history::Annotated>(outcome.notes[0]).message.find("reports/ü.md"),
            std::string::npos);
}

TEST_F(ArtifactStep, AnEmptyTextIsKept) {
  const auto result =
      run_to_result(make_step("artifact", {{"name", "e"}, {"type", "text"}, {"content", ""}}));
  EXPECT_EQ(result["data"]["totalSize"], 0);
  EXPECT_TRUE(fs::exists(root() / "e"));
}

TEST_F(ArtifactStep, AFileIsCopiedFromTheRunsFolder) {
  write_file(project() / "pic.png", std::string("\x89PNG\0x", 6));
  const auto result = run_to_result(
      make_step("artifact", {{"name", "shot"}, {"type", "image"}, {"file", "pic.png"}}));
  EXPECT_EQ(contents(root() / "shot"), std::string("\x89PNG\0x", 6)) << result;
  EXPECT_NE(string_or(run_to_result(make_step("artifact",
                                              {{"name", "x"}, {"type", "file"}, {"file", "gone"}})),
                      "failed")
                .find("there is no file"),
            std::string::npos);
}

TEST_F(ArtifactStep, AFolderIsFilteredByItsPattern) {
  fs::create_directories(project() / "out/deep");
  fs::create_directories(project() / "out/node_modules");
  fs::create_directories(project() / "out/.git");
  for (const auto* name :
       {"a.log", "deep/b.log", "deep/c.txt", "node_modules/d.log", ".git/e.log"}) {
    write_file(project() / "out" / name, name);
  }
  const auto result = run_to_result(make_step(
      "artifact",
      {{"name", "logs"}, {"type", "directory"}, {"directory", "out"}, {"pattern", "**/*.log"}}));
  EXPECT_EQ(result["data"]["count"], 2);
  EXPECT_EQ(contents(root() / "logs/deep/b.log"), "deep/b.log");
  EXPECT_FALSE(fs::exists(root() / "logs/deep/c.txt"));
}

TEST_F(ArtifactStep, ANameCannotLeaveTheStepsFolder) {
  for (const auto* name : {"../out.txt", "/tmp/agentcmd-out.txt", "a/../../out.txt"}) {
    const auto result =
        run_to_result(make_step("artifact", {{"name", name}, {"type", "text"}, {"content", "x"}}));
    EXPECT_TRUE(result.contains("failed")) << name << result;
  }
  EXPECT_FALSE(fs::exists(root().parent_path() / "out.txt"));
}

TEST_F(ArtifactStep, WhatIsMissingIsNamed) {
  EXPECT_NE(
      string_or(run_to_result(make_step("artifact", {{"name", "x"}, {"type", "movie"}})), "failed")
          .find("movie"),
      std::string::npos);
  EXPECT_NE(
      string_or(run_to_result(make_step("artifact", {{"name", "x"}, {"type", "text"}})), "failed")
          .find("content"),
      std::string::npos);
}

}  // namespace
}  // namespace agentcmd::steps
