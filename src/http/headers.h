#pragma once
// The headers of a message: names in lower case, in the order they came.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first of that name (in lower case); empty where there is none.
std::string header_of(const Headers& headers, std::string_view name);

// "name: value" as a pair, the name in lower case; false for a line that is no header.
bool parse_header(std::string_view line, Headers& into);

}  // namespace agentcmd::http
