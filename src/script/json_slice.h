#pragma once
// Parts of a frame as slices of its text. The peer is our own program and its payloads may be
// large, so nothing is parsed that is only passed on.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::script {

// The text of the member's value, strings with their quotes; nothing if there is no such member.
// Stops at the first hit: small members come first in a frame. Throws Fault for text that is not an
// object.
std::optional<std::string_view> find_member(std::string_view object, std::string_view key);

// As find_member; a missing member is a Fault.
std::string_view member(std::string_view object, std::string_view key);

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& visit);

// The value of a JSON string, given with its quotes.
std::string unquote(std::string_view slice);

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string quote(std::string_view text);
void append_quoted(std::string& out, std::string_view text);

}  // namespace agentcmd::script
