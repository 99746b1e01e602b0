#include "cli/moment.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

namespace agentcmd::cli {
namespace {

// Takes `digits` digits off the front of `text`, behind `before`; -1 where they are not there.
int take(std::string_view& text, std::string_view before, std::size_t digits) {
  if (!text.starts_with(before) || text.size() < before.size() + digits) return -1;
  const auto number = text.substr(before.size(), digits);
  int value = 0;
  const auto read = std::from_chars(number.begin(), number.end(), value);
  if (read.ptr != number.end() || number.front() == '-') return -1;
  text.remove_prefix(before.size() + digits);
  return value;
}

}  // namespace

Result<Time> parse_moment(const std::string& text) {
  auto wrong =
      fail(ErrorCode::invalid_argument,
           fmt::format("'{}' is no moment: write 2026-03-01 or 2026-03-01T09:30 (UTC)", text));
  std::string_view rest = text;
  const std::chrono::year year(take(rest, "", 4));
  const int month = take(rest, "-", 2);
  const int day = take(rest, "-", 2);
  if (int(year) < 1970 || month < 1 || day < 1) return wrong;
  const std::chrono::year_month_day date(year, std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return wrong;
  std::array<int, 3> clock{};
  if (!rest.empty()) {
    clock = {take(rest, "T", 2), take(rest, ":", 2), 0};
    if (rest.starts_with(":")) clock[2] = take(rest, ":", 2);
    if (rest == "Z") rest = {};
    const bool fits = clock[0] >= 0 && clock[0] < 24 && clock[1] >= 0 && clock[1] < 60 &&
                      clock[2] >= 0 && clock[2] < 60 && rest.empty();
    if (!fits) return wrong;
  }
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(clock[0]) +
         std::chrono::minutes(clock[1]) + std::chrono::seconds(clock[2]);
}

}  // namespace agentcmd::cli
