#pragma once
// How the process ends: listed once, so that no command chooses its own.

namespace agentcmd::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,       // the run failed or was cancelled; a command could not do its work
  not_started = 2,  // flags, definition, arguments, project: nothing was started
  unreachable = 3,  // the server
  gated = 4,        // not on a terminal, and only a gate is left to wait for
  paused = 5,
  interrupted = 130,  // Ctrl-C
  terminated = 143,   // SIGTERM
};

}  // namespace agentcmd::cli
