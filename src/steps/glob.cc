#include "steps/glob.h"

#include <string>
#include <vector>

namespace agentcmd::steps {
namespace {

constexpr std::size_t alternatives_max = 1000;

// Just past the '}' of the '{' at `open`, or npos.
std::size_t closing_brace(std::string_view pattern, std::size_t open) {
  int depth = 0;
  for (auto at = open; at < pattern.size(); ++at) {
    if (pattern[at] == '{') ++depth;
    if (pattern[at] == '}' && --depth == 0) return at + 1;
  }
  return pattern.npos;
}

// The parts of "a,{b,c},d": commas within inner braces do not count.
std::vector<std::string_view> choices_of(std::string_view list) {
  std::vector<std::string_view> choices;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t at = 0; at < list.size(); ++at) {
    if (list[at] == '{') ++depth;
    if (list[at] == '}') --depth;
    if (list[at] == ',' && depth == 0) {
      choices.push_back(list.substr(start, at - start));
      start = at + 1;
    }
  }
  choices.push_back(list.substr(start));
  return choices;
}

// Every pattern without braces that this one stands for.
std::vector<std::string> expand_braces(std::string_view pattern) {
  std::vector<std::string> open{std::string(pattern)};
  std::vector<std::string> plain;
  while (!open.empty() && open.size() + plain.size() <= alternatives_max) {
    const auto next = std::move(open.back());
    open.pop_back();
    const auto start = next.find('{');
    const auto end = start == next.npos ? next.npos : closing_brace(next, start);
    if (end == next.npos) {
      plain.push_back(next);
      continue;
    }
    const auto inner = std::string_view(next).substr(start + 1, end - start - 2);
    for (const auto choice : choices_of(inner)) {
      open.push_back(next.substr(0, start) + std::string(choice) + next.substr(end));
    }
  }
  return open.empty() ? plain : std::vector<std::string>{};
}

// Length of the set "[…]" at the start of the pattern, 0 if it is not closed.
std::size_t set_length(std::string_view pattern) {
  const auto close = pattern.find(']', 2);
  return close == pattern.npos ? 0 : close + 1;
}

bool set_contains(std::string_view set, char letter) {
  auto members = set.substr(1, set.size() - 2);
  const bool negated = members.starts_with('!') || members.starts_with('^');
  if (negated) members.remove_prefix(1);
  bool found = false;
  for (std::size_t at = 0; at < members.size(); ++at) {
    if (at + 2 < members.size() && members[at + 1] == '-') {
      found = found || (members[at] <= letter && letter <= members[at + 2]);
      at += 2;
    } else {
      found = found || members[at] == letter;
    }
  }
  return found != negated;
}

// One row of dynamic programming: `reached[j]` says that the pattern so far fits path[0, j). So the
// cost is pattern × path, whatever the stars.
using Reached = std::vector<bool>;

Reached after_stars(const Reached& before, std::string_view path, bool over_folders) {
  Reached after = before;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (after[at] && (over_folders || path[at] != '/')) after[at + 1] = true;
  }
  return after;
}

// "**/": nothing, or anything that ends in a slash.
Reached after_folders(const Reached& before, std::string_view path) {
  const auto anything = after_stars(before, path, true);
  Reached after = before;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (anything[at] && path[at] == '/') after[at + 1] = true;
  }
  return after;
}

template <typename Fits>
Reached after_one(const Reached& before, std::string_view path, Fits fits) {
  Reached after(before.size(), false);
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (before[at] && fits(path[at])) after[at + 1] = true;
  }
  return after;
}

bool matches_plain(std::string_view pattern, std::string_view path) {
  Reached reached(path.size() + 1, false);
  reached[0] = true;
  while (!pattern.empty()) {
    std::size_t used = 1;
    if (pattern.starts_with("**/")) {
      reached = after_folders(reached, path);
      used = 3;
    } else if (pattern.starts_with("**")) {
      reached = after_stars(reached, path, true);
      used = 2;
    } else if (pattern[0] == '*') {
      reached = after_stars(reached, path, false);
    } else if (pattern[0] == '?') {
      reached = after_one(reached, path, [](char letter) { return letter != '/'; });
    } else if (pattern[0] == '[' && set_length(pattern) > 0) {
      used = set_length(pattern);
      const auto set = pattern.substr(0, used);
      reached = after_one(
          reached, path, [set](char letter) { return letter != '/' && set_contains(set, letter); });
    } else {
      reached =
          after_one(reached, path, [wanted = pattern[0]](char letter) { return letter == wanted; });
    }
    pattern.remove_prefix(used);
  }
  return reached.back();
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view path) {
  if (pattern.starts_with("./")) pattern.remove_prefix(2);
  for (const auto& alternative : expand_braces(pattern)) {
    if (matches_plain(alternative, path)) return true;
  }
  return false;
}

}  // namespace agentcmd::steps
