#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace agentcmd {
namespace {

struct Lead {
  std::uint8_t first;
  std::uint8_t last;
  std::size_t length;
  std::uint8_t second_min;
  std::uint8_t second_max;
};

// Well-formed UTF-8 (Unicode 15, table 3-7): overlong forms and surrogates are excluded by the
// range of the second byte.
constexpr std::array leads{
    Lead{0x00, 0x7f, 1, 0x80, 0xbf}, Lead{0xc2, 0xdf, 2, 0x80, 0xbf},
    Lead{0xe0, 0xe0, 3, 0xa0, 0xbf}, Lead{0xe1, 0xec, 3, 0x80, 0xbf},
    Lead{0xed, 0xed, 3, 0x80, 0x9f}, Lead{0xee, 0xef, 3, 0x80, 0xbf},
    Lead{0xf0, 0xf0, 4, 0x90, 0xbf}, Lead{0xf1, 0xf3, 4, 0x80, 0xbf},
    Lead{0xf4, 0xf4, 4, 0x80, 0x8f},
};

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

// Length of the character that starts at `i`, 0 if there is none.
std::size_t character_length(std::string_view bytes, std::size_t i) {
  const auto first = byte_at(bytes, i);
  const auto* lead = std::ranges::find_if(
      leads, [&](const Lead& row) { return first >= row.first && first <= row.last; });
  if (lead == leads.end() || i + lead->length > bytes.size()) return 0;
  for (std::size_t k = 1; k < lead->length; ++k) {
    const auto next = byte_at(bytes, i + k);
    const auto low = k == 1 ? lead->second_min : std::uint8_t{0x80};
    const auto high = k == 1 ? lead->second_max : std::uint8_t{0xbf};
    if (next < low || next > high) return 0;
  }
  return lead->length;
}

// Output is mostly ASCII and may be hundreds of megabytes, so it is passed eight bytes at a time.
std::size_t end_of_ascii(std::string_view bytes, std::size_t i) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  for (std::uint64_t eight = 0; i + sizeof eight <= bytes.size(); i += sizeof eight) {
    std::memcpy(&eight, bytes.data() + i, sizeof eight);
    if ((eight & high_bits) != 0) break;
  }
  while (i < bytes.size() && byte_at(bytes, i) < 0x80) ++i;
  return i;
}

// Where the valid text that starts at `i` ends.
std::size_t end_of_valid(std::string_view bytes, std::size_t i) {
  while (i < bytes.size()) {
    i = end_of_ascii(bytes, i);
    if (i == bytes.size()) break;
    const auto length = character_length(bytes, i);
    if (length == 0) break;
    i += length;
  }
  return i;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=@%+,").contains(c);
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view trim_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t") + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != &parts.front()) text += separator;
    text += part;
  }
  return text;
}

std::string to_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const auto end = end_of_valid(bytes, i);
    text += bytes.substr(i, end - i);
    i = end;
    if (i < bytes.size()) {
      text += "\xef\xbf\xbd";
      ++i;
    }
  }
  return text;
}

std::string ellipsis(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  auto end = bytes_max;
  while (end > 0 && (byte_at(text, end) & 0xc0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace agentcmd
