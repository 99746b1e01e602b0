#include "steps/effects.h"

#include "async/deadline.h"
#include "base/fault.h"
#include "base/limits.h"
#include "process/supervised_process.h"
#include "steps/effect_result.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::steps {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

Task<EffectResult> perform_timer(Json args, StopSource& stop) {
  constexpr double longest = 1e12;
  const double asked = args.contains("ms") && args["ms"].is_number() ? args["ms"].get<double>() : 0;
  const std::chrono::milliseconds wait(static_cast<std::int64_t>(std::clamp(asked, 0.0, longest)));
  if (!stop.requested()) co_await (sleep_until(deadline_in(wait)) || stop.wait());
  co_return Json();
}

// What the closure says of how far it is: kept with its attempt, for those who look and for the
// next attempt.
Task<EffectResult> record_progress(StepHost& host, const Step& step, const Json& args) {
  const auto details = string_or(args, "details", "null");
  if (details.size() > limits::progress_bytes_max) {
    co_return coded_error(
        "ERR_OUT_OF_RANGE",
        fmt::format("progress() was given {} bytes of JSON; at most {} are kept: say where the "
                    "work stands, and leave the work itself in a file",
                    details.size(), limits::progress_bytes_max));
  }
  co_await host.checkpoint(step, {to_text({{"progress", details}})});
  co_return Json();
}

Task<EffectResult> perform_on_pool(StepHost& host, const Step& step, std::string name, Json args) {
  auto work = [name = std::move(name), args = std::move(args), dir = step.run.working_dir] {
    return perform_file_effect(name, args, dir);
  };
  co_return co_await host.pool().run(std::move(work));
}

Task<EffectResult> perform(StepHost& host, const Step& step, std::string name, Json args,
                           StopSource& stop) {
  if (is_file_effect(name)) {
    co_return co_await perform_on_pool(host, step, std::move(name), std::move(args));
  }
  if (name == "child_process.run") {
    co_return co_await run_child_process(host, step, std::move(args), stop);
  }
  if (name == "fetch") co_return co_await perform_fetch(host, std::move(args), stop);
  if (name == "timer") co_return co_await perform_timer(std::move(args), stop);
  if (name == "progress") co_return co_await record_progress(host, step, args);
  if (name == "process.env") co_return Json(step.run.env);
  if (name == "process.cwd") co_return Json(step.run.working_dir.string());
  if (name == "os.info") co_return describe_machine(step.run);
  co_return coded_error(
      "ERR_UNKNOWN_EFFECT",
      fmt::format("this version of agentcmd does not offer '{}' to step.run", name));
}

}  // namespace

// A border like that of a step: a fault is an error of the closure, which may catch it.
Task<EffectOutcome> perform_effect(StepHost& host, Step step, std::string name, JsonText args,
                                   StopSource& stop) {
  EffectResult result;
  try {
    auto parsed = parse_trusted(args.text.empty() ? "{}" : args.text, "arguments of " + name);
    result = co_await perform(host, step, std::move(name), std::move(parsed), stop);
  } catch (const Fault& fault) {
    result = coded_error("EIO", fault.what());
  } catch (const std::filesystem::filesystem_error& error) {
    result = system_error(error.code().value(), "filesystem", error.path1().string());
  }
  if (!result) co_return EffectOutcome{.ok = false, .value = {to_text(to_json(result.error()))}};
  co_return EffectOutcome{.ok = true, .value = {to_text(*result)}};
}

bool changes_files(std::string_view name) {
  constexpr std::array<std::string_view, 7> reading{"fs.readFile", "fs.readdir", "fs.stat",
                                                    "fs.lstat",    "fs.access",  "fs.realpath",
                                                    "fs.readlink"};
  if (name == "child_process.run") return true;
  return is_file_effect(std::string(name)) && std::ranges::find(reading, name) == reading.end();
}

Task<> end_lost_effects(asio::any_io_executor executor, std::filesystem::path attempt_dir) {
  namespace fs = std::filesystem;
  std::vector<fs::path> left;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(attempt_dir / "effects", absent)) {
    left.push_back(entry.path());
  }
  StopSource stop(executor);
  stop.request();
  for (const auto& dir : left) {
    auto recovered = co_await process::recover_supervised(executor, dir);
    if (auto* running = std::get_if<std::unique_ptr<process::SupervisedProcess>>(&recovered)) {
      (void)co_await (*running)->wait(stop);
    }
    fs::remove_all(dir, absent);
  }
}

Task<> end_lost_effects_of_run(asio::any_io_executor executor, BlockingPool& pool,
                               std::filesystem::path run_dir) {
  namespace fs = std::filesystem;
  const auto find_attempts = [logs = run_dir / "logs"] {
    std::vector<fs::path> attempts;
    std::error_code absent;
    for (const auto& step : fs::directory_iterator(logs, absent)) {
      for (const auto& attempt : fs::directory_iterator(step.path(), absent)) {
        if (fs::is_directory(attempt.path() / "effects", absent)) attempts.push_back(attempt);
      }
    }
    return attempts;
  };
  const auto attempts = co_await pool.run(find_attempts);
  for (const auto& attempt : attempts) co_await end_lost_effects(executor, attempt);
}

}  // namespace agentcmd::steps
