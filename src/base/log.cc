#include "base/log.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"

#include <poll.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <utility>

namespace agentcmd {
namespace log {
namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warn", "error"};

struct Sink {
  std::atomic<Level> level = Level::warn;
  std::atomic<bool> as_text = true;
  std::atomic<bool> to_stderr = true;
  std::shared_ptr<spdlog::logger> logger;
};

Sink& sink() {
  static auto& instance = *new Sink{};  // never destroyed: threads may log until the very end
  return instance;
}

std::string as_line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  Json line{{"at", to_iso8601(SystemClock().now())},
            {"level", level_names.at(static_cast<std::size_t>(level))},
            {"event", event}};
  for (const auto& field : fields) line[std::string(field.key)] = field.value;
  return to_text(line);
}

std::string as_words(Level level, std::string_view event, std::initializer_list<Field> fields) {
  auto text = fmt::format("{}: {}", level_names.at(static_cast<std::size_t>(level)), event);
  for (const auto& field : fields) text += fmt::format(" {}={}", field.key, field.value);
  return text;
}

// A reader of stderr that stands still (Ctrl-S, a stopped less) is not worth waiting for: whoever
// logs has work to do.
bool takes_now(int fd) {
  constexpr int patience_ms = 10;
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, patience_ms) > 0;
}

}  // namespace

void configure(Level level, const std::string& file) {
  auto& out = sink();
  spdlog::sink_ptr target;
  if (file.empty()) {
    target = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    target = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  }
  out.to_stderr = file.empty();
  out.as_text = file.empty() && isatty(STDERR_FILENO) == 1;
  out.logger = std::make_shared<spdlog::logger>("agentcmd", std::move(target));
  out.logger->set_pattern("%v");
  out.logger->set_level(spdlog::level::trace);
  out.logger->flush_on(spdlog::level::trace);
  out.level = level;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  auto& out = sink();
  if (level < out.level || !out.logger) return;
  if (out.to_stderr && !takes_now(STDERR_FILENO)) return;
  out.logger->info(out.as_text ? as_words(level, event, fields) : as_line(level, event, fields));
}

}  // namespace log

void check_failed(const char* condition, const std::string& message,
                  const std::source_location& where) {
  throw Bug(
      fmt::format("{} ({} failed at {}:{})", message, condition, where.file_name(), where.line()));
}

void invariant_failed(const char* condition, const std::string& message,
                      const std::source_location& where) {
  fmt::print(stderr, "agentcmd: invariant broken: {} ({} failed at {}:{})\n", message, condition,
             where.file_name(), where.line());
  std::abort();
}

}  // namespace agentcmd
