// node:child_process in a closure. Each command is a supervised process like those of steps: its
// descendants die with it, and what a killed driver leaves is found by end_lost_effects().

#include "base/id.h"
#include "base/random.h"
#include "base/text.h"
#include "process/command.h"
#include "process/supervised_process.h"
#include "steps/attempt_process.h"
#include "steps/base64.h"
#include "steps/effect_result.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using namespace boost::asio::experimental::awaitable_operators;

std::map<std::string, std::string> environment_of(const Step& step, const Json& args) {
  if (!args.contains("env") || !args["env"].is_object()) return step.run.env;
  std::map<std::string, std::string> env;
  for (const auto& [name, value] : args["env"].items()) {
    if (value.is_string()) env.emplace(name, value.get<std::string>());
  }
  return env;
}

process::ProcessSpec spec_of(const Step& step, const Json& args) {
  process::ProcessSpec spec;
  SystemRandom random;
  spec.dir = step.attempt_dir() / "effects" / make_id('e', random);
  const auto file = string_or(args, "file");
  if (const auto shell = string_or(args, "shell"); !shell.empty()) {
    spec.argv = {shell, "-c", file};
  } else {
    spec.argv = {file};
    for (const auto& arg : args.value("args", Json::array())) {
      spec.argv.push_back(arg.is_string() ? arg.get<std::string>() : to_text(arg));
    }
  }
  spec.cwd = (step.run.working_dir / string_or(args, "cwd")).lexically_normal();
  spec.env = environment_of(step, args);
  if (args.contains("input") && args["input"].is_string()) {
    spec.input = from_base64(args["input"].get<std::string>()).value_or("");
  }
  spec.timeout = std::chrono::milliseconds(int_or(args, "timeoutMs"));
  if (const auto bytes = int_or(args, "maxBuffer"); bytes > 0) {
    spec.output_bytes_max = static_cast<std::uint64_t>(bytes);
  } else {
    // The answer travels to the worker in one frame, as base64.
    spec.output_bytes_max = limits::payload_bytes_max;
  }
  spec.run = step.run.run.text;
  return spec;
}

// Why the system would not start it, as Node reports it.
int start_error(const process::ProcessSpec& spec) {
  std::error_code absent;
  if (!fs::is_directory(spec.cwd, absent)) return ENOENT;
  fs::path program = spec.argv.front();
  if (program.string().find('/') == std::string::npos) {
    const auto path = spec.env.find("PATH");
    const auto found =
        process::find_program(program.string(), path == spec.env.end() ? "" : path->second);
    return found ? EACCES : ENOENT;
  }
  return fs::exists(spec.cwd / program, absent) ? EACCES : ENOENT;
}

std::string read_bytes(const fs::path& file, std::uint64_t bytes_max) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  auto text = std::move(bytes).str();
  if (text.size() > bytes_max) text.resize(bytes_max);
  return text;
}

std::int64_t pid_of(const fs::path& dir) {
  const auto status = parse_json(read_bytes(dir / "status.json", limits::mib), "status.json");
  return status ? int_or(*status, "pid") : 0;
}

Json child_answer(const process::ProcessSpec& spec, const process::Exit& exit, const Json& args) {
  using process::ExitCause;
  const bool exited = exit.cause == ExitCause::exited;
  const bool by_us = exit.cause == ExitCause::timed_out || exit.cause == ExitCause::cancelled ||
                     exit.cause == ExitCause::output_limit;
  const auto signal = by_us              ? string_or(args, "killSignal", "SIGTERM")
                      : exit.signal != 0 ? signal_name(exit.signal)
                                         : "SIGKILL";
  return {{"pid", pid_of(spec.dir)},
          {"code", exited ? Json(exit.code) : Json()},
          {"signal", exited ? Json() : Json(signal)},
          {"stdout", to_base64(read_bytes(spec.dir / "stdout", spec.output_bytes_max))},
          {"stderr", to_base64(read_bytes(spec.dir / "stderr", spec.output_bytes_max))},
          {"timedOut", exit.cause == ExitCause::timed_out},
          {"overflow", exit.cause == ExitCause::output_limit}};
}

Task<> show(StepHost& host, const Step& step, process::SupervisedProcess& process,
            std::string stream) {
  auto on_bytes = [&](std::string_view bytes) {
    host.output(step, stream, redact(to_utf8(bytes), step.run.secrets));
  };
  co_await process.follow(stream, 0, std::move(on_bytes));
}

struct RemoveOnExit {
  fs::path dir;
  ~RemoveOnExit() {
    std::error_code ignored;
    fs::remove_all(dir, ignored);
  }
};

Task<Result<process::Exit>> wait_for_end(StepHost& host, const Step& step,
                                         process::SupervisedProcess& process, bool shown,
                                         StopSource& stop) {
  if (!shown || !host.has_audience()) co_return co_await process.wait(stop);
  co_return co_await (process.wait(stop) && show(host, step, process, "stdout") &&
                      show(host, step, process, "stderr"));
}

}  // namespace

Task<EffectResult> run_child_process(StepHost& host, const Step& step, Json args,
                                     StopSource& stop) {
  const auto spec = spec_of(step, args);
  const auto& program = spec.argv.front();
  const auto not_started = [&program](int number) {
    auto error = system_error(number, "spawn " + program, program);
    error.value().message = "spawn " + program + " " + error.value().code;
    return error;
  };
  if (!fs::is_directory(spec.cwd)) co_return not_started(ENOENT);

  auto process = co_await process::start_supervised(host.executor(), step.run.libexec, spec);
  if (!process && process.error().code == ErrorCode::invalid_argument) {
    co_return not_started(E2BIG);
  }
  if (!process) co_return coded_error("EAGAIN", process.error().message, "spawn", program);
  const auto exit = co_await wait_for_end(host, step, **process, bool_or(args, "inherit"), stop);
  if (!exit) co_return coded_error("EIO", exit.error().message, "spawn", program);
  const RemoveOnExit removal{spec.dir};
  if (exit->cause == process::ExitCause::start_failed) co_return not_started(start_error(spec));
  co_return child_answer(spec, *exit, args);
}

}  // namespace agentcmd::steps
