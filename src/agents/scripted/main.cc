// agentcmd-scripted-agent: plays the part that it reads from stdin ({"session", "json", "do"}, see
// scripted.h) in the current folder, and tells of it on stdout in Claude Code's stream-json.

#include "base/json.h"
#include "base/text.h"
#include "process/rooted_path.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

namespace agentcmd {
namespace {

class Player {
 public:
  explicit Player(const Json& part)
      : session_(string_or(part, "session")), reply_(bool_or(part, "json") ? "{}" : "OK") {}

  // The exit code.
  int play(const Json& actions) {
    emit({{"type", "system"},
          {"subtype", "init"},
          {"session_id", session_},
          {"model", "scripted"},
          {"cwd", std::filesystem::current_path().string()}});
    for (const auto& action : actions) {
      perform(action.begin().key(), action.begin().value());
      if (exit_code_ || !error_.empty()) break;
    }
    return end();
  }

 private:
  void perform(const std::string& name, const Json& value) {
    if (name == "write") {
      write(value);
    } else if (name == "say") {
      say(value.get<std::string>());
    } else if (name == "delayMs") {
      std::this_thread::sleep_for(std::chrono::milliseconds(value.get<std::int64_t>()));
    } else if (name == "reply") {
      reply_ = value.is_string() ? value.get<std::string>() : to_text(value);
    } else if (name == "usage") {
      usage_ = value;
    } else if (name == "exit") {
      exit_code_ = value.get<int>();
    }
  }

  void write(const Json& file) {
    const auto path = string_or(file, "path");
    const auto id = fmt::format("toolu_{}", ++calls_);
    const Json input{{"file_path", path}, {"content", string_or(file, "content")}};
    message("assistant", {{"type", "tool_use"}, {"id", id}, {"name", "Write"}, {"input", input}});
    const auto written = write_keeping_mode(path, string_or(file, "content"));
    if (!written) error_ = fmt::format("could not write {}: {}", path, written.error().message);
    message("user", {{"type", "tool_result"},
                     {"tool_use_id", id},
                     {"content", written ? "written" : error_},
                     {"is_error", !written}});
  }

  static Result<void> write_keeping_mode(const std::filesystem::path& path,
                                         const std::string& content) {
    namespace fs = std::filesystem;
    std::error_code absent;
    const auto before = fs::status(path, absent);
    auto written = process::write_file_beneath(fs::current_path(), path, content);
    if (written && !absent && fs::exists(before)) fs::permissions(path, before.permissions());
    return written;
  }

  void say(const std::string& text) { message("assistant", {{"type", "text"}, {"text", text}}); }

  int end() {
    const bool failed = !error_.empty() || exit_code_.value_or(0) != 0;
    if (failed && error_.empty())
      error_ = fmt::format("the script ends it with exit {}", *exit_code_);
    if (!failed) say(reply_);
    Json result{{"type", "result"},
                {"subtype", failed ? "error_during_execution" : "success"},
                {"is_error", failed},
                {"session_id", session_},
                {"result", failed ? error_ : reply_},
                {"total_cost_usd", usage_.value("costUsd", 0.0)}};
    usage_.erase("costUsd");
    result["modelUsage"] = Json{{"scripted", usage_}};
    emit(result);
    return exit_code_.value_or(failed ? 1 : 0);
  }

  void message(const char* role, Json block) {
    emit({{"type", role},
          {"message", {{"role", role}, {"content", Json::array({std::move(block)})}}},
          {"session_id", session_}});
  }

  static void emit(const Json& event) {
    const auto line = to_text(event) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
  }

  std::string session_;
  std::string reply_;
  Json usage_ = Json::object();
  std::optional<int> exit_code_;
  std::string error_;
  int calls_ = 0;
};

int play_stdin() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const auto part = parse_json(text, "the part on stdin");
  if (!part || !part->is_object() || !part->contains("do")) {
    std::fputs(
        "agentcmd-scripted-agent is started by agentcmd, which tells it by stdin what to do\n",
        stderr);
    return 2;
  }
  return Player(*part).play((*part)["do"]);
}

}  // namespace
}  // namespace agentcmd

int main() {
  try {
    return agentcmd::play_stdin();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "agentcmd-scripted-agent: %s\n", error.what());
    return 1;
  }
}
