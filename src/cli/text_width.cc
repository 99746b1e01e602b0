#include "cli/text_width.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace agentcmd::cli {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

// `text` is valid UTF-8.
Character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t code = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes && at + i < text.size(); ++i) {
    code = (code << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
  }
  return {code, bytes};
}

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::array combining{Range{0x300, 0x36f}, Range{0x200b, 0x200f}, Range{0xfe00, 0xfe0f},
                               Range{0x20d0, 0x20ff}};
// Unicode's East Asian Width, W and F, coarsely.
constexpr std::array wide{Range{0x1100, 0x115f},  Range{0x2e80, 0xa4cf},   Range{0xac00, 0xd7a3},
                          Range{0xf900, 0xfaff},  Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},
                          Range{0xffe0, 0xffe6},  Range{0x1f300, 0x1f64f}, Range{0x1f900, 0x1f9ff},
                          Range{0x20000, 0x3fffd}};

template <std::size_t n>
bool is_in(const std::array<Range, n>& ranges, char32_t code) {
  return std::ranges::any_of(
      ranges, [=](const Range& range) { return code >= range.first && code <= range.last; });
}

std::size_t columns(char32_t code) {
  if (code < 0x20 || is_in(combining, code)) return 0;
  return is_in(wide, code) ? 2 : 1;
}

// Where the escape sequence that begins at `at` ends (ECMA-48: CSI, and strings such as OSC).
std::size_t end_of_escape(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return text.size();
  const char kind = text[at + 1];
  at += 2;
  if (kind == '[') {
    while (at < text.size() && (text[at] < 0x40 || text[at] > 0x7e)) ++at;
    return std::min(at + 1, text.size());
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^') {
    while (at < text.size() && text[at] != '\a' && text[at] != '\x1b') ++at;
    const bool closed_by_escape = at + 1 < text.size() && text[at] == '\x1b';
    return std::min(at + (closed_by_escape ? 2 : 1), text.size());
  }
  return at;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = character_at(text, at);
    width += columns(character.code);
    at += character.bytes;
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t taken = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto character = character_at(text, at);
    if (taken + columns(character.code) > width - 1) break;
    taken += columns(character.code);
    at += character.bytes;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string printable(std::string_view bytes) {
  while (bytes.ends_with('\r')) bytes.remove_suffix(1);
  if (const auto last = bytes.rfind('\r'); last != std::string_view::npos) {
    bytes.remove_prefix(last + 1);
  }
  const bool is_plain = std::ranges::all_of(bytes, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (is_plain) return std::string(bytes);
  const auto text = to_utf8(bytes);
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == 0x1b) {
      at = end_of_escape(text, at);
      continue;
    }
    if (c == '\t') {
      clean += "    ";
    } else if (c >= 0x20 && c != 0x7f) {
      clean += text[at];
    }
    ++at;
  }
  return clean;
}

}  // namespace agentcmd::cli
