#include "base/json_slice.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd {
namespace {

[[noreturn]] void malformed(std::string_view text, std::size_t at) {
  throw Fault(fmt::format("malformed JSON at byte {} of {}", at, text.size()));
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Walks through JSON text that is well-formed; any other text ends in a Fault, never outside it.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void expect(char c) {
    if (peek() != c) malformed(text_, at_);
    ++at_;
  }

  // What follows must be the end.
  void end() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ < text_.size()) malformed(text_, at_);
  }

  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // Names in what we write need no escape.
  std::string_view name() {
    if (peek() != '"') malformed(text_, at_);
    const auto quoted = value();
    expect(':');
    return quoted.substr(1, quoted.size() - 2);
  }

  std::string_view value() {
    peek();
    const std::size_t from = at_;
    const char first = text_[at_];
    if (first == '"') {
      skip_string();
    } else if (first == '{' || first == '[') {
      skip_container();
    } else {
      at_ = text_.find_first_of(",]} \n\r\t", at_);
      if (at_ == std::string_view::npos) at_ = text_.size();
    }
    return text_.substr(from, at_ - from);
  }

 private:
  char peek() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ >= text_.size()) malformed(text_, at_);
    return text_[at_];
  }

  void skip_string() {
    for (++at_;; at_ += 2) {
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ == std::string_view::npos) malformed(text_, text_.size());
      if (text_[at_] == '"') break;
    }
    ++at_;
  }

  void skip_container() {
    std::size_t depth = 0;
    do {
      at_ = text_.find_first_of("\"{}[]", at_);
      if (at_ == std::string_view::npos) malformed(text_, text_.size());
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      depth = c == '{' || c == '[' ? depth + 1 : depth - 1;
      ++at_;
    } while (depth > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Whether a byte stands for itself in a JSON string of ASCII.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// The character that a two-byte escape stands for; 0 where there is no such escape.
char escaped(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    default:
      return 0;
  }
}

// False for what is not ASCII with short escapes.
bool unquote_simple(std::string_view inner, std::string& out) {
  out.reserve(inner.size());
  for (std::size_t from = 0; from < inner.size();) {
    std::size_t to = from;
    while (to < inner.size() && is_plain(inner[to])) ++to;
    out.append(inner, from, to - from);
    if (to == inner.size()) return true;
    const char c = inner[to] == '\\' && to + 1 < inner.size() ? escaped(inner[to + 1]) : '\0';
    if (c == '\0') return false;
    out += c;
    from = to + 2;
  }
  return true;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_plain_or_escaped(std::string& out, std::string_view text) {
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text, written, i - written);
    append_escaped(out, text[i]);
    written = i + 1;
  }
  out.append(text, written);
}

}  // namespace

JsonMembers::JsonMembers(std::string_view object) {
  constexpr std::size_t usual = 8;
  Walker walker(object);
  walker.expect('{');
  if (!walker.take('}')) {
    members_.reserve(usual);
    do {
      const auto name = walker.name();
      members_.emplace_back(name, walker.value());
    } while (walker.take(','));
    walker.expect('}');
  }
  walker.end();
}

std::optional<std::string_view> JsonMembers::find(std::string_view name) const {
  const auto found =
      std::ranges::find(members_, name, &std::pair<std::string_view, std::string_view>::first);
  if (found == members_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> find_member(std::string_view object, std::string_view key) {
  Walker walker(object);
  walker.expect('{');
  if (walker.take('}')) return std::nullopt;
  do {
    const auto name = walker.name();
    const auto value = walker.value();
    if (name == key) return value;
  } while (walker.take(','));
  return std::nullopt;
}

std::string_view member(std::string_view object, std::string_view key) {
  const auto found = find_member(object, key);
  if (!found) throw Fault(fmt::format("a message to or from the workflow worker lacks '{}'", key));
  return *found;
}

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& visit) {
  Walker walker(array);
  walker.expect('[');
  if (walker.take(']')) return;
  do {
    visit(walker.value());
  } while (walker.take(','));
}

std::string unquote(std::string_view slice) {
  std::string out;
  const bool quoted = slice.size() >= 2 && slice.front() == '"' && slice.back() == '"';
  if (quoted && unquote_simple(slice.substr(1, slice.size() - 2), out)) return out;
  const auto parsed = parse_trusted(slice, "a JSON string");
  if (!parsed.is_string()) malformed(slice, 0);
  return parsed.get<std::string>();
}

void append_quoted(std::string& out, std::string_view text) {
  const bool ascii =
      std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  out += '"';
  if (ascii) {
    append_plain_or_escaped(out, text);
  } else {
    append_plain_or_escaped(out, to_utf8(text));
  }
  out += '"';
}

std::string quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace agentcmd
