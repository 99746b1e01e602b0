#include "base/duration.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

namespace agentcmd {
namespace {

struct Unit {
  std::string_view name;
  double millis;
};

constexpr double second = 1000;
constexpr double minute = 60 * second;
constexpr double hour = 60 * minute;
constexpr double day = 24 * hour;
constexpr double longest = 100 * 365 * day;

constexpr std::array units{
    Unit{"ms", 1},           Unit{"msec", 1},         Unit{"millisecond", 1},
    Unit{"milliseconds", 1}, Unit{"s", second},       Unit{"sec", second},
    Unit{"secs", second},    Unit{"second", second},  Unit{"seconds", second},
    Unit{"m", minute},       Unit{"min", minute},     Unit{"mins", minute},
    Unit{"minute", minute},  Unit{"minutes", minute}, Unit{"h", hour},
    Unit{"hr", hour},        Unit{"hrs", hour},       Unit{"hour", hour},
    Unit{"hours", hour},     Unit{"d", day},          Unit{"day", day},
    Unit{"days", day},       Unit{"w", 7 * day},      Unit{"week", 7 * day},
    Unit{"weeks", 7 * day},
};

constexpr std::array iso_date_units{Unit{"W", 7 * day}, Unit{"D", day}};
constexpr std::array iso_time_units{Unit{"H", hour}, Unit{"M", minute}, Unit{"S", second}};

template <std::size_t N>
std::optional<double> millis_of(const std::array<Unit, N>& table, std::string_view name) {
  for (const auto& unit : table) {
    if (unit.name == name) return unit.millis;
  }
  return std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

// Reads "12" or "1.5" from the front of `rest`.
std::optional<double> take_number(std::string_view& rest) {
  if (rest.empty() || !(is_digit(rest.front()) || rest.front() == '.')) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

std::string_view take_word(std::string_view& rest) {
  std::size_t length = 0;
  while (length < rest.size() && is_letter(rest[length])) ++length;
  const auto word = rest.substr(0, length);
  rest.remove_prefix(length);
  return word;
}

void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
}

std::optional<double> plain_millis(std::string_view text) {
  double total = 0;
  skip_blanks(text);
  if (text.empty()) return std::nullopt;
  bool first = true;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    skip_blanks(text);
    if (text.empty() && first) return number;
    const auto unit = millis_of(units, take_word(text));
    if (!unit) return std::nullopt;
    total += *number * *unit;
    skip_blanks(text);
    first = false;
  }
  return total;
}

std::optional<double> iso_millis(std::string_view text) {
  text.remove_prefix(1);  // 'P'
  double total = 0;
  bool in_time = false;
  bool any = false;
  while (!text.empty()) {
    if (text.front() == 'T' && !in_time) {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    const auto number = take_number(text);
    if (!number || text.empty()) return std::nullopt;
    const auto name = text.substr(0, 1);
    const auto unit = in_time ? millis_of(iso_time_units, name) : millis_of(iso_date_units, name);
    if (!unit) return std::nullopt;
    text.remove_prefix(1);
    total += *number * *unit;
    any = true;
  }
  return any ? std::optional(total) : std::nullopt;
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto millis = !text.empty() && text.front() == 'P' ? iso_millis(text) : plain_millis(text);
  if (!millis) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is not a duration. Write for example \"30s\", \"1h 30m\", "
                            "\"PT5M\" or a number of milliseconds.",
                            text));
  }
  if (*millis > longest) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("duration '{}' is longer than 100 years", text));
  }
  return std::chrono::milliseconds(std::llround(*millis));
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto millis = duration.count();
  if (millis < 1000) return fmt::format("{} ms", millis);
  if (millis < 60'000) return fmt::format("{:.1f} s", static_cast<double>(millis) / second);
  const auto seconds = millis / 1000;
  if (seconds < 3600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h {:02}m", seconds / 3600, seconds / 60 % 60);
}

}  // namespace agentcmd
