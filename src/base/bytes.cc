#include "base/bytes.h"

#include <fmt/format.h>

#include <array>

namespace agentcmd {

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB"};
  constexpr double step = 1000;
  constexpr double rounds_up_to_next = 999.5;
  constexpr double shown_with_decimals = 9.95;
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= rounds_up_to_next && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  if (unit > 0 && value < shown_with_decimals) return fmt::format("{:.1f} {}", value, units[unit]);
  return fmt::format("{:.0f} {}", value, units[unit]);
}

}  // namespace agentcmd
