#pragma once
// The heartbeat of a process step, by evidence: it is alive while it writes, uses CPU (it or
// whatever descends from it), or files in its workspace change. Nothing of the kind for a while
// leads to a warning, then to INT, then to KILL. Files are looked at only when something would be
// done about the silence: then the newest change in the workspace is looked for.

#include "async/task.h"
#include "process/supervised_process.h"
#include "steps/step.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>

namespace agentcmd::steps {

struct SilenceLimits {
  std::optional<std::chrono::milliseconds> warn;
  std::optional<std::chrono::milliseconds> interrupt;
  std::optional<std::chrono::milliseconds> kill;

  bool any() const { return warn || interrupt || kill; }
};

// `options.silence` (milliseconds), or what the step's type has by default: agents are watched.
SilenceLimits silence_of(const Step& step);

// Ends only by cancellation; `process` and `step` outlive it. Also lets a supervisor go on that was
// stopped (SIGSTOP) beyond the attempt's timeout, so that it can enforce it. While
// `waits_for_people` says so, silence is nothing to wonder about.
Task<> attend(StepHost& host, const Step& step, process::SupervisedProcess& process,
              std::function<bool()> waits_for_people = {});

// How long the attempt had been silent when attend() interrupted or killed it, be it in an earlier
// process of ours.
std::optional<std::chrono::milliseconds> ended_for_silence(
    const std::filesystem::path& attempt_dir);

// How long ago the newest change of a file below `folder` was; nothing where none is as new as
// `window`. Looks at so many files at most.
std::optional<std::chrono::milliseconds> newest_change(const std::filesystem::path& folder,
                                                       std::chrono::milliseconds window);

}  // namespace agentcmd::steps
