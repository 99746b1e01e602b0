#pragma once
// Parts of JSON text as slices of it, for text that this program or its own peer wrote: frames of
// the worker, fields of an event. Nothing is built for what is only passed on or compared, which is
// most of it; a document tree (json.h) costs ten times as much.

#include <charconv>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agentcmd {

// All members of an object, by name. Slices live as long as the text.
class JsonMembers {
 public:
  // Throws Fault for text that is no object.
  explicit JsonMembers(std::string_view object);

  std::size_t size() const { return members_.size(); }
  // The text of the value, strings with their quotes.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> members_;
};

// The text of the member's value, strings with their quotes; nothing if there is no such member.
// Stops at the first hit: small members come first in a frame. Throws Fault for text that is not an
// object.
std::optional<std::string_view> find_member(std::string_view object, std::string_view key);

// As find_member; a missing member is a Fault.
std::string_view member(std::string_view object, std::string_view key);

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& visit);

inline bool is_json_string(std::string_view slice) {
  return !slice.empty() && slice.front() == '"';
}

// Nothing for what is no whole number or does not fit into one of that type.
template <std::integral Number>
std::optional<Number> to_integer(std::string_view slice) {
  Number number = 0;
  const auto* begin = std::to_address(slice.begin());
  const auto* end = std::to_address(slice.end());
  const auto [rest, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// The value of a JSON string, given with its quotes. Throws Fault for what is none.
std::string unquote(std::string_view slice);

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string quote(std::string_view text);
void append_quoted(std::string& out, std::string_view text);

}  // namespace agentcmd
