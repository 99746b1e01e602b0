#include "cli/style.h"

#include <array>

namespace agentcmd::cli {
namespace {

constexpr std::array<std::string_view, 7> codes{"", "1", "2", "31", "32", "33", "36"};
constexpr std::array<std::string_view, 10> signs{"▸", "•", "✓", "✗", "!", "↻", "–", "│", "i", "?"};
constexpr std::array<std::string_view, 10> ascii_signs{">", "*", "+", "x", "!",
                                                       "~", "-", "|", "i", "?"};

}  // namespace

std::string Style::paint(Tint tint, std::string_view text) const {
  const auto code = codes.at(static_cast<std::size_t>(tint));
  if (!color || code.empty() || text.empty()) return std::string(text);
  std::string painted = "\x1b[";
  painted += code;
  painted += 'm';
  painted += text;
  return painted + "\x1b[0m";
}

std::string_view Style::sign(Sign sign) const {
  return (unicode ? signs : ascii_signs).at(static_cast<std::size_t>(sign));
}

}  // namespace agentcmd::cli
