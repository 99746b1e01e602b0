// step.cli: one shell command in the run's workspace. A command that fails is a value for the
// workflow to look at (success: false); only a command that could not be run at all is an error.

#include "base/duration.h"
#include "base/text.h"
#include "steps/attempt_process.h"
#include "steps/result.h"
#include "steps/step_types.h"
#include "steps/whole_lines.h"

#include <fmt/format.h>

namespace agentcmd::steps {
namespace {

// In place: it may be megabytes.
std::string trimmed(std::string text) {
  const auto kept = trim(text);
  if (kept.empty()) return {};
  text.erase(static_cast<std::size_t>(kept.data() - text.data()) + kept.size());
  text.erase(0, text.size() - kept.size());
  return text;
}

// Members in the order of the SDK's result.
Outcome cli_result(const Step& step, const std::string& command, const process::Exit& exit) {
  const auto stream = [&step](const char* name) {
    return trimmed(
        process::read_stream(step.attempt_dir() / name, limits::result_stream_bytes_max));
  };
  const int code = shell_code(exit);
  const bool success = exit.cause == process::ExitCause::exited && exit.code == 0;
  Json result{{"data",
               {{"command", command},
                {"exitCode", code},
                {"stdout", stream("stdout")},
                {"stderr", stream("stderr")}}},
              {"success", success}};
  if (!success) result["error"] = fmt::format("Command failed: {}", describe(exit));
  const Json& shown = result["data"][success ? "stdout" : "stderr"];
  Json trace{{"command", command},
             {"output", ellipsis(shown.get_ref<const std::string&>(), limits::kib)},
             {"exitCode", code},
             {"duration", exit.duration.count()},
             {"exit", to_json(exit)}};
  result["trace"] = Json::array({std::move(trace)});
  return completed(step, success, std::move(result));
}

process::Listener listener(const Step& step, const char* name, WholeLines& lines) {
  return {.on_bytes = [&lines](std::string_view bytes) { lines.feed(bytes); },
          .behind_max = limits::shown_behind_max,
          .on_skipped =
              [&lines, file = step.attempt_dir() / name](std::uint64_t bytes) {
                lines.finish();
                lines.feed(fmt::format("[... {} bytes are not shown; everything is in {} ...]\n",
                                       bytes, file.string()));
              }};
}

ProcessUse use_of(const Step& step, const StepInput& input, bool shown, WholeLines& out,
                  WholeLines& err) {
  ProcessUse use;
  use.spec = [&step, &input]() -> Result<process::ProcessSpec> {
    process::ProcessSpec spec;
    auto shell = string_or(input.config, "shell");
    if (shell.empty()) shell = "/bin/sh";
    spec.argv = {shell, "-c", string_or(input.config, "command")};
    spec.cwd = directory_of(step, input.config);
    spec.env = environment_of(step, input.config);
    spec.timeout = timeout_of(step, input);
    if (!std::filesystem::is_directory(spec.cwd)) {
      return fail(ErrorCode::not_found,
                  fmt::format("the working directory {} does not exist", spec.cwd.string()));
    }
    return spec;
  };
  if (shown) {
    use.out = listener(step, "stdout", out);
    use.err = listener(step, "stderr", err);
  }
  return use;
}

}  // namespace

Task<Outcome> run_cli_step(StepHost& host, Step step, StopSource& stop) {
  const auto input = read_input(step);
  const auto command = string_or(input.config, "command");
  if (trim(command).empty()) co_return failed("step.cli needs a command");

  const auto show = [&host, &step](const char* stream) {
    return WholeLines([&host, &step, stream](std::string_view lines) {
      host.output(step, stream, redact(to_utf8(lines), step.run.secrets));
    });
  };
  auto out = show("stdout");
  auto err = show("stderr");
  auto use = use_of(step, input, host.has_audience(), out, err);
  auto end = co_await run_attempt_process(host, step, std::move(use), stop);
  out.finish();
  err.finish();

  if (auto* lost = std::get_if<Lost>(&end))
    co_return Outcome{.what = std::move(*lost), .notes = {}};
  if (auto* error = std::get_if<Error>(&end)) co_return failed(*error);
  if (auto* late = std::get_if<TimedOut>(&end)) {
    co_return Outcome{.what = std::move(*late), .notes = {}};
  }
  const auto& exit = std::get<process::Exit>(end);
  if (exit.cause == process::ExitCause::cancelled)
    co_return Outcome{.what = Cancelled{}, .notes = {}};
  if (exit.cause == process::ExitCause::start_failed) {
    co_return failed(fmt::format("the command could not be started: {}", exit.message));
  }
  co_return cli_result(step, command, exit);
}

}  // namespace agentcmd::steps
