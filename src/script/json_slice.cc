#include "script/json_slice.h"

#include "base/fault.h"
#include "base/json.h"

#include <cstddef>

namespace agentcmd::script {
namespace {

[[noreturn]] void malformed(std::string_view text, std::size_t at) {
  throw Fault(
      fmt::format("malformed message between agentcmd and its workflow worker at byte {} of {}", at,
                  text.size()));
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

  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
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

}  // namespace

std::optional<std::string_view> find_member(std::string_view object, std::string_view key) {
  Walker walker(object);
  walker.expect('{');
  if (walker.take('}')) return std::nullopt;
  do {
    const auto name = walker.value();
    walker.expect(':');
    const auto value = walker.value();
    // Names in our protocol need no escape.
    if (name.size() == key.size() + 2 && name.substr(1, key.size()) == key) return value;
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
  if (slice.size() >= 2 && slice.find('\\') == std::string_view::npos) {
    return std::string(slice.substr(1, slice.size() - 2));
  }
  return parse_trusted(slice, "a message of the workflow worker").get<std::string>();
}

void append_quoted(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F) {
      // What is not plain goes through the JSON library, which knows UTF-8.
      out.resize(before);
      out += to_text(Json(text));
      return;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace agentcmd::script
