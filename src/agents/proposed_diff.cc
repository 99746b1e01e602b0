#include "agents/proposed_diff.h"

#include "base/limits.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace agentcmd::agents {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t context_lines = 3;

// Nothing for what is not there or is too large to be shown.
std::string text_of(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::file_size(file, absent);
  if (absent || size > limits::mib) return {};
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return to_utf8(text.str());
}

std::vector<std::string> lines_of(const std::string& text) {
  auto lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// One hunk: all between the first and the last line that differ.
std::string hunk(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < before.size() - head && tail < after.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  if (head == before.size() && head == after.size()) return {};
  const auto from = head - std::min(head, context_lines);
  const auto shown_tail = std::min(tail, context_lines);
  const auto before_end = before.size() - tail;
  const auto after_end = after.size() - tail;
  auto text = fmt::format("@@ -{},{} +{},{} @@\n", from + 1, before_end + shown_tail - from,
                          from + 1, after_end + shown_tail - from);
  for (auto at = from; at < head; ++at) text += " " + before[at] + "\n";
  for (auto at = head; at < before_end; ++at) text += "-" + before[at] + "\n";
  for (auto at = head; at < after_end; ++at) text += "+" + after[at] + "\n";
  for (auto at = before_end; at < before_end + shown_tail; ++at) text += " " + before[at] + "\n";
  return text;
}

std::string replaced(std::string text, const Json& edit) {
  const auto from = string_or(edit, "old_string");
  const auto to = string_or(edit, "new_string");
  if (from.empty()) return text + to;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
    if (!bool_or(edit, "replace_all")) break;
  }
  return text;
}

}  // namespace

std::string proposed_diff(const Json& input, const fs::path& cwd) {
  const auto path = string_or(input, "file_path");
  if (path.empty()) return {};
  const auto before = text_of(cwd / path);
  auto after = before;
  const auto edits = input.find("edits");
  if (input.contains("content")) {
    after = string_or(input, "content");
  } else if (edits != input.end() && edits->is_array()) {
    for (const auto& edit : *edits) after = replaced(std::move(after), edit);
  } else if (input.contains("new_string")) {
    after = replaced(std::move(after), input);
  } else {
    return {};
  }
  const auto changed = hunk(lines_of(before), lines_of(after));
  if (changed.empty()) return {};
  const auto name = path.starts_with('/') ? path : (cwd / path).string();
  return ellipsis(
      fmt::format("--- {}\n+++ {}\n{}", before.empty() ? "/dev/null" : name, name, changed),
      limits::question_bytes_max);
}

}  // namespace agentcmd::agents
