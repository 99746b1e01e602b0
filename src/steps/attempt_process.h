#pragma once
// The supervised process of an attempt: started, or found again when the attempt is recovered. Its
// output is told from the first byte either way, so that a step reads the same of a process that it
// started, re-attached to or harvested.

#include "process/supervised_process.h"
#include "steps/step.h"

#include <functional>
#include <string>
#include <string_view>
#include <variant>

namespace agentcmd::steps {

struct ProcessUse {
  // Called only where a process is to be started. Its error fails the step.
  std::function<Result<process::ProcessSpec>()> spec;
  // Without an on_bytes the stream is not read.
  process::Listener out = {};
  process::Listener err = {};
  // Goes on beside a process that runs, until that has ended; never ends by itself.
  std::function<Task<>()> beside = {};
  // Whether its silence is that of people who have not answered it.
  std::function<bool()> waits_for_people = {};
};

// Lost: its supervisor was killed and left no result. The Error is for the user: the process could
// not be started.
// TimedOut: it took longer than its attempt may, or was silent for too long (silence.h).
using ProcessEnd = std::variant<process::Exit, Lost, Error, TimedOut>;

// `host` and `step` outlive the task.
Task<ProcessEnd> run_attempt_process(StepHost& host, const Step& step, ProcessUse use,
                                     StopSource& stop);

// "exit code 1", "killed by SIGKILL", "timed out after 5m 00s", ...
std::string describe(const process::Exit& exit);

// As a shell would tell it: the status, 128 and the number of a signal, 124 for a timeout.
int shell_code(const process::Exit& exit);

// {"cause", "code"?, "signal"?, "message"?}
Json to_json(const process::Exit& exit);

// "SIGTERM"; "signal 99" where it has no name.
std::string signal_name(int signal);

}  // namespace agentcmd::steps
