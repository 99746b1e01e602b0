#include "script/worker_process.h"

#include "base/fault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

namespace agentcmd::script {
namespace {

// In the worker; also the last one that it inherits.
constexpr int socket_fd = 3;

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  SpawnAttributes() { ::posix_spawnattr_init(&attributes_); }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// A session of its own, so that Ctrl-C and a closed terminal reach us only; no blocked or ignored
// signals of ours.
void detach_signals(SpawnAttributes& attributes) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(attributes.get(), &none);
  ::posix_spawnattr_setsigdefault(attributes.get(), &all);
  ::posix_spawnattr_setflags(attributes.get(),
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

}  // namespace

Result<WorkerProcess> spawn_worker(const std::vector<std::string>& argv) {
  if (!std::filesystem::exists(argv.front())) {
    return fail(
        ErrorCode::not_found,
        fmt::format("the workflow worker {} is missing; install agentcmd again", argv.front()));
  }
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    throw_errno("making a socket pair for the workflow worker", errno);
  }
  WorkerProcess process;
  process.socket = process::UniqueFd(pair[0]);
  const process::UniqueFd theirs(pair[1]);

  SpawnActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), theirs.get(), socket_fd);
  ::posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(actions.get(), STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), socket_fd + 1);
  ::posix_spawn_file_actions_addchdir_np(actions.get(), "/");
  SpawnAttributes attributes;
  detach_signals(attributes);

  std::vector<std::string> words = argv;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // The zone is read once per process; workflow code sees UTC everywhere.
  char zone[] = "TZ=UTC";
  char locale[] = "LANG=C.UTF-8";
  // Runs are short and many: what the optimising compiler makes is kept for code that runs hot (a
  // hundred times JavaScriptCore's own measure), not made for each run of it anew.
  char optimise_late[] = "JSC_thresholdForOptimizeAfterWarmUp=100000";
  // A collection visits the code of all runs, however little there is to collect: not before there
  // is something.
  char collect_late[] = "JSC_smallHeapSize=67108864";
  // The checks of the watchdog are looked for by the code itself, so that no thread has to stop it.
  char poll[] = "JSC_usePollingTraps=1";
  // Code is compiled where it runs: with other work on the machine a compiler's thread comes too
  // late for what a short run does, which is then interpreted to its end.
  char compile_here[] = "JSC_useConcurrentJIT=0";
  char* environment[] = {zone, locale, optimise_late, collect_late, poll, compile_here, nullptr};
  const int failed = ::posix_spawn(&process.pid, argv.front().c_str(), actions.get(),
                                   attributes.get(), arguments.data(), environment);
  if (failed != 0) {
    return fail(ErrorCode::unavailable, fmt::format("cannot start the workflow worker {}: {}",
                                                    argv.front(), std::strerror(failed)));
  }
  process.pidfd = process::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!process.pidfd.valid()) throw_errno("watching the workflow worker", errno);
  return process;
}

std::string reap(const WorkerProcess& process) {
  int status = 0;
  while (::waitpid(process.pid, &status, 0) < 0) {
    if (errno != EINTR) return "unknown";
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

void kill_worker(const WorkerProcess& process) {
  ::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
}

}  // namespace agentcmd::script
