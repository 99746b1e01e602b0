#include "steps/silence.h"

#include "async/deadline.h"
#include "base/duration.h"
#include "base/limits.h"
#include "process/signs_of_life.h"
#include "steps/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::string_view silence_file = "silence";

std::optional<milliseconds> limit_in(const Json& silence, std::string_view name) {
  const auto ms = int_or(silence, name);
  return ms > 0 ? std::optional(milliseconds(ms)) : std::nullopt;
}

milliseconds look_interval(const SilenceLimits& limits) {
  milliseconds shortest = 4 * limits::liveness_look_max;
  for (const auto& limit : {limits.warn, limits.interrupt, limits.kill}) {
    if (limit) shortest = std::min(shortest, *limit);
  }
  return std::clamp<milliseconds>(shortest / 4, limits::liveness_look_min,
                                  limits::liveness_look_max);
}

// Since its claim was made.
milliseconds age_of(const fs::path& attempt_dir) {
  std::error_code absent;
  const auto begun = fs::last_write_time(attempt_dir / "claim", absent);
  if (absent) return milliseconds(0);
  return std::chrono::duration_cast<milliseconds>(fs::file_time_type::clock::now() - begun);
}

// One attempt under watch.
class Watch {
 public:
  Watch(StepHost& host, const Step& step, process::SupervisedProcess& process,
        std::function<bool()> waits_for_people)
      : host_(host),
        step_(step),
        process_(process),
        waits_for_people_(std::move(waits_for_people)),
        limits_(silence_of(step)),
        timeout_(timeout_of(step, read_input(step))) {}

  Task<> run() {
    const auto interval = look_interval(limits_);
    const auto dir = step_.attempt_dir();
    seen_ = process::signs_of_life(dir);
    while (true) {
      co_await sleep_until(deadline_in(interval));
      const auto signs = process::signs_of_life(dir);
      look_at_supervisor(signs);
      const bool excused = waits_for_people_ && waits_for_people_();
      if (excused || is_alive(signs, interval)) heard(milliseconds(0));
      seen_ = signs;
      co_await look_at_silence();
    }
  }

 private:
  // A process that only waits has timers, too: CPU counts above a hundredth of one.
  bool is_alive(const process::SignsOfLife& signs, milliseconds interval) const {
    const auto used = signs.cpu > seen_.cpu ? signs.cpu - seen_.cpu : seen_.cpu - signs.cpu;
    return signs.output_bytes != seen_.output_bytes || used > interval / 100;
  }

  // After a sign of life the warning may come again.
  void heard(milliseconds ago) {
    heard_at_ = Steady::now() - ago;
    warned_ = false;
  }

  milliseconds silent() const {
    return std::chrono::duration_cast<milliseconds>(Steady::now() - heard_at_);
  }

  // What comes next, if its time has come.
  std::optional<milliseconds> next_limit() const {
    if (!warned_ && limits_.warn) return limits_.warn;
    if (!interrupted_ && limits_.interrupt) return limits_.interrupt;
    return killed_ ? std::nullopt : limits_.kill;
  }

  Task<> look_at_silence() {
    const auto limit = next_limit();
    if (!limit || silent() < *limit) co_return;
    auto look = [folder = step_.run.working_dir, window = silent()] {
      return newest_change(folder, window);
    };
    if (const auto ago = co_await host_.pool().run(std::move(look))) {
      heard(*ago);
    } else {
      act();
    }
  }

  void act() {
    if (!warned_ && limits_.warn) {
      warned_ = true;
      say(fmt::format("Step '{}' has been silent for {}: no output, no CPU time, no changed file",
                      step_.key.text, format_duration(silent())));
    } else if (!interrupted_ && limits_.interrupt) {
      interrupted_ = true;
      note_end();
      say(fmt::format("Step '{}' has been silent for {} and is interrupted", step_.key.text,
                      format_duration(silent())));
      process_.interrupt();
    } else {
      killed_ = true;
      note_end();
      say(fmt::format("Step '{}' has been silent for {} and is killed", step_.key.text,
                      format_duration(silent())));
      process_.kill_now();
    }
  }

  // Before the signal: whoever finds the attempt ended knows why, also after our death.
  void note_end() const {
    std::ofstream file(step_.attempt_dir() / silence_file);
    file << silent().count();
  }

  void say(std::string message) {
    host_.note(step_, history::Logged{
                          .level = "warn", .phase = step_.phase, .message = std::move(message)});
  }

  void look_at_supervisor(const process::SignsOfLife& signs) {
    if (!signs.supervisor_stopped) {
      told_of_stop_ = false;
      return;
    }
    if (timeout_.count() > 0 && Steady::now() - begun_at_ > timeout_) return process_.go_on();
    if (std::exchange(told_of_stop_, true)) return;
    say(fmt::format(
        "The supervisor of step '{}' is stopped (SIGSTOP): its output is not read until "
        "it goes on (kill -CONT), at the latest when the step times out",
        step_.key.text));
  }

  StepHost& host_;
  const Step& step_;
  process::SupervisedProcess& process_;
  const std::function<bool()> waits_for_people_;
  const SilenceLimits limits_;
  const milliseconds timeout_;

  process::SignsOfLife seen_;
  const Steady::time_point begun_at_ = Steady::now() - age_of(step_.attempt_dir());
  Steady::time_point heard_at_ = Steady::now();
  bool warned_ = false;
  bool interrupted_ = false;
  bool killed_ = false;
  bool told_of_stop_ = false;
};

bool is_ours(const fs::path& file) {
  const auto name = file.filename();
  return name == ".git" || name == ".worktrees" ||
         (name == "executions" && file.parent_path().filename() == "workflows");
}

}  // namespace

SilenceLimits silence_of(const Step& step) {
  const auto input = read_input(step);
  const auto found = input.options.find("silence");
  if (found != input.options.end() && found->is_object()) {
    return {.warn = limit_in(*found, "warn"),
            .interrupt = limit_in(*found, "interrupt"),
            .kill = limit_in(*found, "kill")};
  }
  if (step.type != "agent") return {};
  return {.warn = limits::agent_silence_warn,
          .interrupt = limits::agent_silence_interrupt,
          .kill = limits::agent_silence_kill};
}

Task<> attend(StepHost& host, const Step& step, process::SupervisedProcess& process,
              std::function<bool()> waits_for_people) {
  Watch watch(host, step, process, std::move(waits_for_people));
  co_await watch.run();
}

std::optional<milliseconds> ended_for_silence(const fs::path& attempt_dir) {
  std::ifstream file(attempt_dir / silence_file);
  std::int64_t ms = 0;
  return file >> ms ? std::optional(milliseconds(ms)) : std::nullopt;
}

// Breadth would be fairer than depth, but a workspace beyond the limit is rare, and what is missed
// there is a warning too many.
std::optional<milliseconds> newest_change(const fs::path& folder, milliseconds window) {
  const auto now = fs::file_time_type::clock::now();
  const auto oldest = now - window;
  auto newest = oldest;
  const auto consider = [&newest](const fs::path& file) {
    std::error_code gone;
    const auto changed = fs::last_write_time(file, gone);
    if (!gone) newest = std::max(newest, changed);
  };
  consider(folder / ".git" / "index");
  std::size_t looked_at = 0;
  std::error_code error;
  auto files = fs::recursive_directory_iterator(
      folder, fs::directory_options::skip_permission_denied, error);
  while (!error && files != fs::recursive_directory_iterator() &&
         ++looked_at <= limits::changed_files_looked_at) {
    if (is_ours(files->path())) {
      files.disable_recursion_pending();
    } else if (!files->is_symlink(error)) {
      consider(files->path());
    }
    files.increment(error);
  }
  if (newest == oldest) return std::nullopt;
  return std::max(std::chrono::duration_cast<milliseconds>(now - newest), milliseconds(0));
}

}  // namespace agentcmd::steps
