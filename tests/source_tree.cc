#include "tests/source_tree.h"

#include "base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace agentcmd::tests {
namespace {

namespace fs = std::filesystem;

bool is_source(const fs::path& path) {
  return path.extension() == ".cc" || path.extension() == ".h" || path.extension() == ".c";
}

std::vector<SourceFile> read_tree() {
  const fs::path root = AGENTCMD_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* folder : {"src", "supervise", "tests", "bench"}) {
    auto walk = fs::recursive_directory_iterator(root / folder);
    for (auto entry = fs::begin(walk); entry != fs::end(walk); ++entry) {
      if (entry->path().filename() == "node_modules") entry.disable_recursion_pending();
      if (!entry->is_regular_file() || !is_source(entry->path())) continue;
      files.push_back({.path = fs::relative(entry->path(), root).string(),
                       .lines = split(read_text(entry->path().string()), '\n')});
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

bool is_identifier(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

bool SourceFile::is_below(std::string_view folder) const {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

bool SourceFile::is_test() const {
  return path.ends_with("_test.cc") || path.ends_with("_fixture.h") || path.starts_with("tests/") ||
         path.contains("/test_");
}

std::string SourceFile::layer() const {
  if (!is_below("src")) return "";
  return path.substr(4, path.find('/', 4) - 4);
}

const std::vector<SourceFile>& source_tree() {
  static const std::vector<SourceFile> tree = read_tree();
  return tree;
}

std::string included(std::string_view line) {
  line = trim(line);
  if (!line.starts_with("#include")) return "";
  const auto open = line.find_first_of("\"<");
  if (open == std::string_view::npos) return "";
  const auto close = line.find_first_of("\">", open + 1);
  return std::string(line.substr(open + 1, close - open - 1));
}

std::string code_of(std::string_view line) {
  std::string code;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
        code += c;
      }
      continue;
    }
    if (line.substr(i).starts_with("//")) break;
    const bool digit_separator = c == '\'' && i > 0 && is_identifier(line[i - 1]);
    if ((c == '"' || c == '\'') && !digit_separator) quote = c;
    code += c;
  }
  return code;
}

bool has_word(std::string_view code, std::string_view word) {
  for (auto at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool starts = !is_identifier(word.front()) || at == 0 || !is_identifier(code[at - 1]);
    const bool ends =
        !is_identifier(word.back()) || end == code.size() || !is_identifier(code[end]);
    if (starts && ends) return true;
  }
  return false;
}

std::string read_text(const std::string& path) {
  const std::ifstream file(path);
  if (!file) {
    ADD_FAILURE() << "cannot read " << path;
    return "";
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace agentcmd::tests
