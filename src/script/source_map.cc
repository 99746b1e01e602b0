#include "script/source_map.h"

#include "base/json.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <utility>

namespace agentcmd::script {
namespace {

// Base 64 as source maps use it: the value of each digit, or -1.
constexpr std::array<std::int8_t, 128> digit_values = [] {
  std::array<std::int8_t, 128> values{};
  values.fill(-1);
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

// Reads variable-length quantities: five bits a digit, the lowest first, the last digit without the
// continuation bit; the lowest bit of the whole is the sign.
class Mappings {
 public:
  explicit Mappings(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool at_number() const { return !done() && digit(text_[at_]) >= 0; }

  int number() {
    std::uint32_t value = 0;
    unsigned shift = 0;
    while (at_number()) {
      const auto bits = static_cast<std::uint32_t>(digit(text_[at_++]));
      if (shift < 32) value |= (bits & 31U) << shift;
      shift += 5;
      if ((bits & 32U) == 0) break;
    }
    const int magnitude = static_cast<int>(value >> 1U);
    return (value & 1U) != 0 ? -magnitude : magnitude;
  }

  void skip() { ++at_; }

 private:
  static int digit(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < digit_values.size() ? digit_values[byte] : -1;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "12" of "…:12" and what stands before the colon; nothing if there is no number.
std::optional<int> cut_number(std::string_view& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  int value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || colon + 1 == text.size())
    return std::nullopt;
  text = text.substr(0, colon);
  return value;
}

struct RawFrame {
  std::string function;
  int line = 0;
  int column = 0;
};

std::string function_name(std::string_view name) {
  if (name.starts_with("global code") || name.starts_with("module code")) return {};
  return std::string(name);
}

// Nothing for frames of the SDK and of native code.
std::optional<RawFrame> parse_frame(std::string_view line) {
  std::string_view name;
  std::string_view where = line;
  if (line.starts_with('#')) {
    const auto open = line.find("() at ");
    const auto space = line.find(' ');
    if (open == std::string_view::npos || space > open) return std::nullopt;
    name = line.substr(space + 1, open - space - 1);
    where = line.substr(open + 6);
  } else if (const auto at = line.rfind('@'); at != std::string_view::npos) {
    name = line.substr(0, at);
    where = line.substr(at + 1);
  }
  const auto last = cut_number(where);
  if (!last) return std::nullopt;
  const auto before_last = cut_number(where);
  if (where != workflow_source) return std::nullopt;
  if (!before_last) return RawFrame{.function = function_name(name), .line = *last};
  return RawFrame{.function = function_name(name), .line = *before_last, .column = *last};
}

}  // namespace

SourceMap::SourceMap(std::string_view json) {
  const auto map = parse_json(json, "source map");
  if (!map || !map->is_object()) return;
  const auto sources = map->find("sources");
  if (sources == map->end() || !sources->is_array()) return;
  for (const auto& source : *sources) {
    sources_.push_back(source.is_string() ? source.get<std::string>() : std::string());
  }
  decode(string_or(*map, "mappings"));
}

void SourceMap::decode(std::string_view text) {
  Mappings mappings(text);
  Segment now{};
  while (!mappings.done()) {
    if (mappings.take(';')) {
      ++now.line;
      now.column = 0;
    } else if (mappings.at_number()) {
      now.column += mappings.number();
      if (!mappings.at_number()) continue;  // generated code without a source
      now.source += mappings.number();
      now.source_line += mappings.number();
      now.source_column += mappings.number();
      if (mappings.at_number()) mappings.number();  // the name
      segments_.push_back(now);
    } else {
      mappings.skip();  // ',' between segments, or text that is no map
    }
  }
}

std::optional<Place> SourceMap::find(int line, int column) const {
  const int from_zero = column > 0 ? column - 1 : 0;
  const auto after = std::ranges::upper_bound(
      segments_, std::tuple(line - 1, from_zero), {},
      [](const Segment& segment) { return std::tuple(segment.line, segment.column); });
  auto found = after;
  if (found != segments_.begin() && std::prev(found)->line == line - 1) {
    --found;
  } else if (found == segments_.end() || found->line != line - 1) {
    return std::nullopt;
  }
  const auto source = static_cast<std::size_t>(found->source);
  if (found->source < 0 || source >= sources_.size()) return std::nullopt;
  return Place{sources_[source], found->source_line + 1, found->source_column + 1};
}

std::vector<StackFrame> map_frames(const SourceMap& map, std::string_view stack) {
  std::vector<StackFrame> frames;
  bool started_async = false;
  for (const auto& line : split(stack, '\n')) {
    auto raw = parse_frame(trim(line));
    // Below it a backtrace has the same function once more, as it began.
    const bool repeated = std::exchange(started_async, line.contains("asyncFunctionResume()"));
    if (!raw || repeated) continue;
    auto place = map.find(raw->line - wrapper_lines, raw->column);
    if (place) frames.push_back({std::move(raw->function), *std::move(place)});
  }
  return frames;
}

std::string map_stack(const SourceMap& map, std::string_view stack) {
  std::string text;
  for (const auto& frame : map_frames(map, stack)) {
    const auto& [file, line, column] = frame.place;
    if (!text.empty()) text += '\n';
    text += frame.function.empty()
                ? fmt::format("at {}:{}:{}", file, line, column)
                : fmt::format("at {} ({}:{}:{})", frame.function, file, line, column);
  }
  return text;
}

}  // namespace agentcmd::script
