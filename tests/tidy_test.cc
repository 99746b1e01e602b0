// House rules that a compiler does not know: calls with a better replacement, and the form of
// files.

#include "tests/source_tree.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace agentcmd::tests {
namespace {

struct Ban {
  std::string_view word;
  std::string_view instead;
  std::vector<std::string_view> allowed_below = {};
  bool in_tests = true;  // whether tests must do without it as well
};

const std::vector<Ban>& bans() {
  static const std::vector<Ban> all = {
      {"system(", "process/command.h runs an argument vector, without a shell"},
      {"popen(", "process/command.h runs an argument vector, without a shell"},
      {"sprintf(", "fmt::format"},
      {"snprintf(", "fmt::format", {"supervise"}},
      {"strcpy(", "std::string"},
      {"strcat(", "std::string"},
      {"strtok(", "split() of base/text.h"},
      {"rand(", "base/random.h"},
      {"srand(", "base/random.h"},
      {"std::random_device", "base/random.h"},
      {"std::mt19937", "base/random.h"},
      {"gmtime(", "gmtime_r: the other one shares a buffer between threads"},
      {"localtime(", "localtime_r: the other one shares a buffer between threads"},
      {"this_thread::sleep_for", "wait for a condition, or a timer of the loop", {"src/agents"}},
      {"this_thread::sleep_until", "wait for a condition, or a timer of the loop"},
      {"usleep(", "wait for a condition, or a timer of the loop", {"supervise"}, false},
      {"detach()", "a task or thread has an owner that joins it"},
      {"asio::detached", "TaskGroup::spawn"},
      {"std::regex", "small parsers by hand: std::regex overflows the stack on long lines"},
      {"std::cout", "the output of src/cli", {"src/cli", "src/app"}, false},
      {"dynamic_pointer_cast", "a type that says what it is"},
      {"const_cast", "a signature that tells the truth", {"src/process", "supervise"}},
      {"volatile", "std::atomic", {"supervise"}},
      {"setenv(", "the environment is passed to the process that gets it", {"src/script"}, false},
      {"putenv(", "the environment is passed to the process that gets it"},
      {"getenv(",
       "configuration and environments are passed in",
       {"src/app", "src/cli", "src/projects", "src/process", "src/steps", "src/store", "src/base",
        "src/script", "src/git", "supervise", "bench"},
       false},
      {"std::async(", "run_blocking of async/blocking.h", {}, false},
      {"malloc(", "std::vector, std::string or std::unique_ptr", {"supervise"}},
  };
  return all;
}

bool is_allowed(const Ban& ban, const SourceFile& file) {
  if (file.is_test() && !ban.in_tests) return true;
  // Where a test waits for another process there is nothing to wait on but its traces.
  if (file.path.ends_with("test_support.h") && ban.word == "this_thread::sleep_for") return true;
  for (const auto folder : ban.allowed_below)
    if (file.is_below(folder)) return true;
  return false;
}

TEST(Tidy, BannedCallsHaveAReplacement) {
  for (const auto& file : source_tree()) {
    if (file.path.ends_with("tidy_test.cc")) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto code = code_of(file.lines[i]);
      for (const auto& ban : bans())
        EXPECT_FALSE(has_word(code, ban.word) && !is_allowed(ban, file))
            << file.path << ":" << i + 1 << ": " << ban.word
            << " is not used here; instead: " << ban.instead;
    }
  }
}

TEST(Tidy, NothingIsLeftForLater) {
  for (const auto& file : source_tree()) {
    if (file.path.ends_with("tidy_test.cc")) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i)
      for (const auto word : {"TODO", "FIXME", "XXX", "HACK"})
        EXPECT_FALSE(has_word(file.lines[i], word))
            << file.path << ":" << i + 1 << ": finish it or leave it out";
  }
}

TEST(Tidy, LinesHaveNoTabsAndNoTrailingBlanks) {
  for (const auto& file : source_tree()) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto& line = file.lines[i];
      EXPECT_EQ(line.find('\t'), std::string::npos) << file.path << ":" << i + 1 << ": tab";
      EXPECT_EQ(line.find('\r'), std::string::npos) << file.path << ":" << i + 1 << ": CR";
      EXPECT_FALSE(line.ends_with(' ')) << file.path << ":" << i + 1 << ": trailing blank";
    }
    ASSERT_FALSE(file.lines.empty());
    EXPECT_TRUE(file.lines.back().empty()) << file.path << ": no newline at the end";
  }
}

TEST(Tidy, HeadersStartWithPragmaOnceAndSayWhatTheyAre) {
  for (const auto& file : source_tree()) {
    if (!file.is_header() || file.path.starts_with("cmake/")) continue;
    ASSERT_GE(file.lines.size(), 2U) << file.path;
    EXPECT_EQ(file.lines[0], "#pragma once") << file.path;
    EXPECT_TRUE(file.lines[1].starts_with("// "))
        << file.path << ": the second line begins a paragraph on what this is and promises";
  }
}

// Within a function (where the line is indented) nobody else sees it, and literals clash with
// nothing.
TEST(Tidy, HeadersOpenNoNamespaceForTheirReaders) {
  for (const auto& file : source_tree()) {
    if (!file.is_header()) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto& line = file.lines[i];
      EXPECT_FALSE(line.starts_with("using namespace") && !line.contains("literals;"))
          << file.path << ":" << i + 1;
    }
  }
}

TEST(Tidy, SourcesIncludeTheirOwnHeaderFirst) {
  for (const auto& file : source_tree()) {
    if (!file.is_below("src") || !file.path.ends_with(".cc")) continue;
    const auto own = file.path.substr(4, file.path.size() - 4 - 3) + ".h";
    if (!std::filesystem::exists(std::string(AGENTCMD_SOURCE_DIR "/src/") + own)) continue;
    for (const auto& line : file.lines) {
      if (included(line).empty()) continue;
      EXPECT_EQ(included(line), own) << file.path;
      break;
    }
  }
}

TEST(Tidy, IncludesArePathsFromTheRoot) {
  for (const auto& file : source_tree()) {
    if (!file.is_below("src")) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto& line = file.lines[i];
      if (included(line).empty() || line.find('"') == std::string::npos) continue;
      EXPECT_NE(included(line).find('/'), std::string::npos)
          << file.path << ":" << i + 1 << ": write \"" << file.layer() << "/…\"";
    }
  }
}

// The rules above are only as good as the reading of a line.
TEST(Tidy, CommentsAndStringsAreNotCode) {
  EXPECT_EQ(code_of("call(1);  // system( is bad"), "call(1);  ");
  EXPECT_EQ(code_of("text = \"system(\\\"x\\\")\";"), "text = \"\";");
  EXPECT_EQ(code_of("n = 1'000;"), "n = 1'000;");
  EXPECT_EQ(code_of("open('\"'); system(x);"), "open(''); system(x);");
}

TEST(Tidy, WordsAreWholeWords) {
  EXPECT_TRUE(has_word("std::system(x)", "system("));
  EXPECT_FALSE(has_word("file_system(x)", "system("));
  EXPECT_TRUE(has_word("a TODO", "TODO"));
  EXPECT_FALSE(has_word("TODOS", "TODO"));
}

}  // namespace
}  // namespace agentcmd::tests
