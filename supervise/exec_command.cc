#include "exec_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace supervise {
namespace {

// When memory runs out, the command goes before us, who have to tell of it.
void offer_to_the_oom_killer() {
  constexpr int raise = 200;
  const int current = std::atoi(read_text("/proc/self/oom_score_adj").c_str());
  write_text("/proc/self/oom_score_adj", std::to_string(std::min(1000, current + raise)));
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void give_up(int failure_fd, ExecFailure::Stage stage, int error) {
  const ExecFailure failure{stage, error};
  if (::write(failure_fd, &failure, sizeof failure) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

void exec_command(const Options& options, const Streams& streams, int failure_fd) {
  ::setsid();  // "kill 0" in a script must not reach us
  offer_to_the_oom_killer();
  reset_signals();
  // dup2 clears close-on-exec; none of the three is below 3 (main.cc sees to it).
  ::dup2(streams.in.get(), STDIN_FILENO);
  ::dup2(streams.out.get(), STDOUT_FILENO);
  ::dup2(streams.err.get(), STDERR_FILENO);
  if (!options.cwd.empty() && ::chdir(options.cwd.c_str()) != 0) {
    give_up(failure_fd, ExecFailure::Stage::working_directory, errno);
  }
  ::execvp(options.argv[0], options.argv);
  give_up(failure_fd, ExecFailure::Stage::program, errno);
}

std::string describe(const ExecFailure& failure, const Options& options) {
  const std::string program = options.argv[0];
  const std::string reason = std::strerror(failure.error);
  if (failure.stage == ExecFailure::Stage::working_directory) {
    if (failure.error == ENOENT) return "there is no working directory " + options.cwd;
    return "the working directory " + options.cwd + " cannot be used: " + reason;
  }
  if (failure.error == ENOENT && program.find('/') == std::string::npos) {
    return "there is no program '" + program + "' in the PATH";
  }
  if (failure.error == ENOENT) {
    return "there is no program " + program + ", or the interpreter in its first line is missing";
  }
  if (failure.error == EACCES) return program + " may not be executed: " + reason;
  return program + " could not be executed: " + reason;
}

}  // namespace supervise
