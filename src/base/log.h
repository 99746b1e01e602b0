#pragma once
// log::info("run.started", {{"run", id}, {"workflow", name}}): the event's name is a constant, data
// are fields. Text on a terminal, JSON lines otherwise, to stderr or a file. error: a part stopped;
// warn: someone should look; info: rare and bounded; debug: off unless asked for. A Secret
// (secret.h) has no conversion to a field, so logging one does not compile. Safe from any thread.
// A message is dropped when nobody takes it: the reader of stderr stands still.

#include <fmt/format.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace agentcmd::log {

enum class Level { debug, info, warn, error, off };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view name, std::string text) : key(name), value(std::move(text)) {}
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, std::integral auto number)
      : key(name), value(fmt::to_string(number)) {}
};

// Before the first message; `file` empty means stderr. Messages below `level` cost one comparison.
void configure(Level level, const std::string& file = {});

void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace agentcmd::log
