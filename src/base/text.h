#pragma once
// Small functions on text that more than one layer needs.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd {

std::string_view trim(std::string_view text);
// Without the blanks and tabs at its end.
std::string_view trim_end(std::string_view line);
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Every byte sequence that is not UTF-8 becomes U+FFFD; valid text is returned unchanged.
std::string to_utf8(std::string_view bytes);

// The first `bytes_max` bytes, cut at a character border, with "…" where something was cut.
std::string ellipsis(std::string_view text, std::size_t bytes_max);

// How a shell would need it: unchanged when plain, else in single quotes. For messages that the
// user may paste; arguments of processes are never built with it.
std::string shell_quoted(std::string_view word);

}  // namespace agentcmd
