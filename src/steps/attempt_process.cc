#include "steps/attempt_process.h"

#include "async/settled.h"
#include "base/duration.h"
#include "steps/result.h"
#include "steps/silence.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstring>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using namespace boost::asio::experimental::awaitable_operators;

Task<> listen(process::SupervisedProcess& process, std::string stream, process::Listener listener) {
  if (listener.on_bytes) co_await process.listen(std::move(stream), std::move(listener));
}

// What was seen of a process that had to be ended.
std::string seen_of(const process::Exit& exit, const fs::path& dir) {
  std::error_code absent;
  const auto bytes = [&](const char* stream) -> std::uintmax_t {
    const auto size = fs::file_size(dir / stream, absent);
    return absent ? 0 : size;
  };
  return fmt::format("it ran for {}, used {} of CPU time and wrote {} bytes",
                     format_duration(exit.duration), format_duration(exit.cpu),
                     bytes("stdout") + bytes("stderr"));
}

TimedOut timeout_of_process(const Step& step, std::string_view which,
                            std::chrono::milliseconds length, const process::Exit& exit) {
  return {
      {.name = "TimeoutError",
       .message = fmt::format("step '{}' exceeded its {} timeout of {}: {}", step.key.text, which,
                              format_duration(length), seen_of(exit, step.attempt_dir())),
       .timeout = std::string(which)}};
}

// An end that was a timeout's is not the step's to explain.
ProcessEnd end_of(const Step& step, process::Exit exit) {
  using process::ExitCause;
  if (exit.cause == ExitCause::timed_out) {
    return timeout_of_process(step, "attempt", timeout_of(step, read_input(step)), exit);
  }
  if (exit.spool_failed) {
    // It has done its work; to do that again is for somebody who has looked.
    return Error{ErrorCode::failed_precondition,
                 fmt::format("not all that step '{}' wrote could be kept in {}: the disk is full. "
                             "It ended with {}. Make room, look at what it did, and retry the run",
                             step.key.text, step.attempt_dir().string(), describe(exit))};
  }
  const bool well = exit.cause == ExitCause::exited && exit.code == 0;
  const auto silent = ended_for_silence(step.attempt_dir());
  if (silent && !well) return timeout_of_process(step, "silence", *silent, exit);
  return exit;
}

Task<Result<process::Exit>> until_end(process::SupervisedProcess& process, ProcessUse use,
                                      StopSource& stop) {
  co_return co_await (process.wait(stop) && listen(process, "stdout", use.out) &&
                      listen(process, "stderr", use.err));
}

Task<> idle() {
  StopSource never(co_await boost::asio::this_coro::executor);
  co_await never.wait();
}

Task<ProcessEnd> watch(StepHost& host, const Step& step,
                       std::unique_ptr<process::SupervisedProcess> process, ProcessUse use,
                       StopSource& stop) {
  const auto beside = use.beside ? use.beside : idle;
  const auto waits = use.waits_for_people;
  auto first = co_await (settle(until_end(*process, std::move(use), stop)) ||
                         attend(host, step, *process, waits) || beside());
  auto exit = std::get<0>(first).take();
  // The supervisor is gone while this driver lives: as lost as where both had died.
  if (!exit) co_return Lost{.reason = exit.error().message};
  co_return end_of(step, std::move(*exit));
}

Task<ProcessEnd> start(StepHost& host, const Step& step, ProcessUse use, StopSource& stop) {
  auto spec = use.spec();
  if (!spec) co_return spec.error();
  spec->dir = step.attempt_dir();
  spec->run = step.run.run.text;
  auto process =
      co_await process::start_supervised(host.executor(), step.run.libexec, std::move(*spec));
  if (!process) co_return process.error();
  co_return co_await watch(host, step, std::move(*process), std::move(use), stop);
}

// The recovery has claimed the folder, so that nothing can be started in it any more; it is put
// aside, and the attempt begins in a new one.
void set_aside(const fs::path& dir) {
  std::error_code absent;
  for (int number = 1;; ++number) {
    const fs::path aside = fmt::format("{}.unstarted{}", dir.string(), number);
    if (fs::exists(aside)) continue;
    fs::rename(dir, aside, absent);
    return;
  }
}

}  // namespace

Task<ProcessEnd> run_attempt_process(StepHost& host, const Step& step, ProcessUse use,
                                     StopSource& stop) {
  if (!step.recovery) co_return co_await start(host, step, std::move(use), stop);

  auto recovered = co_await process::recover_supervised(host.executor(), step.attempt_dir());
  if (auto* running = std::get_if<std::unique_ptr<process::SupervisedProcess>>(&recovered)) {
    co_return co_await watch(host, step, std::move(*running), std::move(use), stop);
  }
  if (auto* exit = std::get_if<process::Exit>(&recovered)) {
    process::tell_file(step.attempt_dir() / "stdout", use.out);
    process::tell_file(step.attempt_dir() / "stderr", use.err);
    co_return end_of(step, std::move(*exit));
  }
  if (auto* lost = std::get_if<process::Lost>(&recovered)) {
    co_return Lost{.reason = std::move(lost->reason)};
  }
  set_aside(step.attempt_dir());
  co_return co_await start(host, step, std::move(use), stop);
}

std::string describe(const process::Exit& exit) {
  using process::ExitCause;
  switch (exit.cause) {
    case ExitCause::exited:
      return fmt::format("exit code {}", exit.code);
    case ExitCause::signalled:
      return fmt::format("killed by {}", signal_name(exit.signal));
    case ExitCause::timed_out:
      return fmt::format("timed out after {}", format_duration(exit.duration));
    case ExitCause::cancelled:
      return "cancelled";
    case ExitCause::out_of_memory:
      return "killed because the memory was exhausted";
    case ExitCause::output_limit:
      return "killed because it wrote more than is kept of its output";
    case ExitCause::start_failed:
      return exit.message;
  }
  std::unreachable();
}

int shell_code(const process::Exit& exit) {
  constexpr int timeout_code = 124;  // of timeout(1)
  constexpr int not_found_code = 127;
  switch (exit.cause) {
    case process::ExitCause::exited:
      return exit.code;
    case process::ExitCause::timed_out:
      return timeout_code;
    case process::ExitCause::start_failed:
      return not_found_code;
    case process::ExitCause::signalled:
    case process::ExitCause::cancelled:
    case process::ExitCause::out_of_memory:
    case process::ExitCause::output_limit:
      return 128 + (exit.signal != 0 ? exit.signal : SIGKILL);
  }
  std::unreachable();
}

Json to_json(const process::Exit& exit) {
  Json json{{"cause", process::to_string(exit.cause)}};
  if (exit.cause == process::ExitCause::exited) json["code"] = exit.code;
  if (exit.signal != 0) json["signal"] = signal_name(exit.signal);
  if (!exit.message.empty()) json["message"] = exit.message;
  if (exit.spool_failed) json["outputIncomplete"] = true;
  return json;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

}  // namespace agentcmd::steps
