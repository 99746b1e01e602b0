#pragma once
// The last stretch before the user's command, in the forked child.

#include "files.h"
#include "options.h"

#include <string>

namespace supervise {

// What the command gets as its stdin, stdout and stderr.
struct Streams {
  Fd in;
  Fd out;
  Fd err;
};

// Sent over a close-on-exec pipe when the command could not be executed. Exit codes cannot say it:
// 126 and 127 may come from the command itself.
struct ExecFailure {
  enum class Stage : int { working_directory, program };
  Stage stage;
  int error;
};

// Signals, session, working directory, streams, then execvp. Returns only by _exit, after
// ExecFailure was written to `failure_fd`.
[[noreturn]] void exec_command(const Options& options, const Streams& streams, int failure_fd);

// What the user reads.
std::string describe(const ExecFailure& failure, const Options& options);

}  // namespace supervise
