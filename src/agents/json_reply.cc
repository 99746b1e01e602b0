#include "agents/json_reply.h"

#include "base/text.h"

#include <fmt/format.h>

#include <optional>

namespace agentcmd::agents {
namespace {

// Openings that turned out not to begin JSON, after which the search gives up: each costs a scan.
constexpr int vain_openings_max = 1000;
constexpr std::size_t excerpt_bytes_max = 200;

std::optional<JsonText> as_json(std::string_view text) {
  auto valid = validate_json(std::string(trim(text)), "reply");
  if (!valid) return std::nullopt;
  return std::move(*valid);
}

// "```json\n…\n```"; the word after the fence may be missing.
std::optional<JsonText> last_fenced(std::string_view reply) {
  constexpr std::string_view fence = "```";
  std::optional<JsonText> last;
  for (auto open = reply.find(fence); open != reply.npos;) {
    const auto body = reply.find('\n', open);
    if (body == reply.npos) break;
    const auto close = reply.find(fence, body);
    if (close == reply.npos) break;
    if (auto json = as_json(reply.substr(body, close - body))) last = std::move(json);
    open = reply.find(fence, close + fence.size());
  }
  return last;
}

// Just past the bracket that closes the one at `start`, or npos.
std::size_t balanced_end(std::string_view text, std::size_t start) {
  int depth = 0;
  bool in_string = false;
  for (auto at = start; at < text.size(); ++at) {
    const char letter = text[at];
    if (in_string) {
      if (letter == '\\') {
        ++at;
      } else if (letter == '"') {
        in_string = false;
      }
    } else if (letter == '"') {
      in_string = true;
    } else if (letter == '{' || letter == '[') {
      ++depth;
    } else if ((letter == '}' || letter == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return text.npos;
}

std::optional<JsonText> last_balanced(std::string_view reply, char opening) {
  std::optional<JsonText> last;
  int vain = 0;
  for (auto start = reply.find(opening); start != reply.npos && vain < vain_openings_max;) {
    const auto end = balanced_end(reply, start);
    auto json = end == reply.npos ? std::nullopt : as_json(reply.substr(start, end - start));
    vain += json ? 0 : 1;
    start = reply.find(opening, json ? end : start + 1);
    if (json) last = std::move(json);
  }
  return last;
}

}  // namespace

Result<JsonText> json_from_reply(std::string_view reply) {
  if (auto json = as_json(reply)) return std::move(*json);
  if (auto json = last_fenced(reply)) return std::move(*json);
  if (auto json = last_balanced(reply, '{')) return std::move(*json);
  if (auto json = last_balanced(reply, '[')) return std::move(*json);
  return fail(ErrorCode::invalid_argument,
              fmt::format("the agent was asked for JSON, but its reply holds none: \"{}\"",
                          ellipsis(trim(reply), excerpt_bytes_max)));
}

}  // namespace agentcmd::agents
