#pragma once
// Text on a terminal: what takes how many columns, and what must not reach it.

#include <cstddef>
#include <string>
#include <string_view>

namespace agentcmd::cli {

// Columns that UTF-8 text takes; East Asian wide characters and emoji take two.
std::size_t display_width(std::string_view text);

// The longest beginning that takes at most `width` columns, with "…" as its last where something
// was cut.
std::string cut_to_width(std::string_view text, std::size_t width);

// Text of a process, made harmless for a line on a terminal: valid UTF-8 without escape sequences
// and control characters; of what carriage returns overwrite only the last remains.
std::string printable(std::string_view bytes);

}  // namespace agentcmd::cli
