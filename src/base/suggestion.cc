#include "base/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace agentcmd {
namespace {

// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

// A third of the word may be wrong, and always one letter of it.
std::size_t edits_max(std::string_view word) {
  return std::max<std::size_t>(1, word.size() / 3);
}

// One is a part of the other, and long enough for that to mean something.
bool is_part(std::string_view a, std::string_view b) {
  constexpr std::size_t part_min = 3;
  const auto shorter = a.size() < b.size() ? a : b;
  const auto longer = a.size() < b.size() ? b : a;
  return shorter.size() >= part_min && longer.contains(shorter);
}

}  // namespace

std::optional<std::string> closest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = edits_max(word) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto found = closest(word, candidates);
  return found ? fmt::format(" Did you mean '{}'?", *found) : "";
}

std::string did_you_mean_one_of(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t named_max = 3;
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance > edits_max(word) && !is_part(word, candidate)) continue;
    near.emplace_back(distance, fmt::format("'{}'", candidate));
  }
  if (near.empty()) return "";
  std::ranges::sort(near);
  std::string text = near[0].second;
  for (std::size_t i = 1; i < std::min(near.size(), named_max); ++i) {
    text += " or " + near[i].second;
  }
  return fmt::format(" Did you mean {}?", text);
}

}  // namespace agentcmd
