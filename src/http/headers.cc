#include "http/headers.h"

#include "base/text.h"

#include <algorithm>
#include <cctype>

namespace agentcmd::http {

std::string header_of(const Headers& headers, std::string_view name) {
  const auto found =
      std::ranges::find_if(headers, [name](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string() : found->second;
}

bool parse_header(std::string_view line, Headers& into) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  into.emplace_back(std::move(name), trim(line.substr(colon + 1)));
  return true;
}

}  // namespace agentcmd::http
