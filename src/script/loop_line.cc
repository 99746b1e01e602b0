#include "script/loop_line.h"

#include "script/source_map.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <vector>

namespace agentcmd::script {
namespace {

struct Line {
  std::size_t indent;
  std::string_view text;
};

std::vector<Line> lines_of(std::string_view source) {
  std::vector<Line> lines;
  while (!source.empty()) {
    const auto text = source.substr(0, source.find('\n'));
    const auto indent = std::min(text.find_first_not_of(' '), text.size());
    lines.push_back({indent, text.substr(indent)});
    source.remove_prefix(std::min(text.size() + 1, source.size()));
  }
  return lines;
}

bool is_loop(std::string_view text) {
  for (const std::string_view word : {"for (", "for await (", "while (", "do {"}) {
    if (text.starts_with(word)) return true;
  }
  return false;
}

bool stands_in_loop(const std::vector<Line>& lines, std::size_t at) {
  std::size_t indent = lines[at].indent + 1;
  for (std::size_t i = at + 1; i-- > 0 && indent > 0;) {
    if (lines[i].text.empty() || lines[i].indent >= indent) continue;
    if (is_loop(lines[i].text)) return true;
    indent = lines[i].indent;
  }
  return false;
}

// The index of the first loop after `at` with at least this indentation, or `at`.
std::size_t first_loop(const std::vector<Line>& lines, std::size_t at, std::size_t indent) {
  for (std::size_t i = at + 1; i < lines.size(); ++i) {
    if (lines[i].text.empty()) continue;
    if (lines[i].indent < indent) break;
    if (is_loop(lines[i].text)) return i;
  }
  return at;
}

}  // namespace

int loop_line(std::string_view source, int line) {
  const auto lines = lines_of(source);
  if (line < 1 || static_cast<std::size_t>(line) > lines.size()) return line;
  const auto at = static_cast<std::size_t>(line) - 1;
  if (is_loop(lines[at].text)) return line;
  std::size_t found = at;
  if (lines[at].text.ends_with('{')) {
    found = first_loop(lines, at, lines[at].indent + 1);
  } else if (!stands_in_loop(lines, at)) {
    found = first_loop(lines, at, lines[at].indent);
  }
  return static_cast<int>(found) + 1;
}

std::string at_loop(std::string_view source, std::string backtrace) {
  const auto end = std::min(backtrace.find('\n'), backtrace.size());
  const auto colon = backtrace.rfind(':', end);
  if (colon == std::string::npos || !backtrace.substr(0, colon).ends_with(workflow_source))
    return backtrace;
  int line = 0;
  std::from_chars(backtrace.data() + colon + 1, backtrace.data() + end, line);
  const int loop = loop_line(source, line - wrapper_lines) + wrapper_lines;
  return backtrace.replace(colon + 1, end - colon - 1, std::to_string(loop));
}

}  // namespace agentcmd::script
