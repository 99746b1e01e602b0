#pragma once
// The C and C++ files of the tree as text, for tests about the code itself.

#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::tests {

struct SourceFile {
  std::string path;  // from the root of the tree: "src/base/text.cc"
  std::vector<std::string> lines;

  bool is_header() const { return path.ends_with(".h"); }
  // Also what tests share: src/process/test_support.h.
  bool is_test() const;
  bool is_below(std::string_view folder) const;
  // "base" for src/base/…, empty outside src/.
  std::string layer() const;
};

// All of src/, supervise/, tests/ and bench/, sorted by path.
const std::vector<SourceFile>& source_tree();

// What follows #include on the line, without its quotes or brackets; empty for other lines.
std::string included(std::string_view line);

// The line without its comment and without the contents of its string literals. Knows no block
// comments and no raw strings, which are rare here.
std::string code_of(std::string_view line);

// Whether `word` occurs in `code` with no identifier character on the side where it has one itself.
bool has_word(std::string_view code, std::string_view word);

// Text of a file; fails the test when it cannot be read.
std::string read_text(const std::string& path);

}  // namespace agentcmd::tests
