#include "namespace_init.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace supervise {
namespace {

void send(int events_fd, const InitEvent& event) {
  if (::write(events_fd, &event, sizeof event) < 0) ::_exit(1);
}

// The supervisor may have died before PDEATHSIG was set: then the other end is closed.
void await_order(int control_fd, char expected) {
  char order = 0;
  if (::read(control_fd, &order, 1) != 1 || order != expected) ::_exit(1);
}

// Without a /proc of its own, /proc/self would be another process. Mounts of the machine still
// appear inside; ours do not get out.
bool mount_own_proc() {
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
         ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

pid_t fork_command(const Options& options, const Streams& streams, int events_fd) {
  Pipe failures;
  if (!make_pipe(failures)) ::_exit(1);
  const pid_t command = ::fork();
  if (command < 0) ::_exit(1);
  if (command == 0) {
    failures.read_end.reset();
    exec_command(options, streams, failures.write_end.get());
  }
  failures.write_end.reset();
  InitEvent event{};
  event.kind = InitEvent::Kind::started;
  if (::read(failures.read_end.get(), &event.failure, sizeof event.failure) ==
      sizeof event.failure) {
    event.kind = InitEvent::Kind::exec_failed;
  }
  send(events_fd, event);
  return command;
}

// What init does from then on.
class Init {
 public:
  Init(pid_t command, int control_fd, int events_fd)
      : command_(command), control_fd_(control_fd), events_fd_(events_fd) {}

  [[noreturn]] void run(int signal_fd) {
    std::array<pollfd, 2> fds{pollfd{control_fd_, POLLIN, 0}, pollfd{signal_fd, POLLIN, 0}};
    while (true) {
      reap();
      ::poll(fds.data(), fds.size(), -1);
      if (fds[0].revents != 0) take_order();
      signalfd_siginfo info;
      if (fds[1].revents != 0 && ::read(signal_fd, &info, sizeof info) < 0) continue;
    }
  }

 private:
  void take_order() {
    char order = 0;
    if (::read(control_fd_, &order, 1) != 1) ::_exit(1);
    if (order == init_order_interrupt) ::kill(-1, SIGINT);
    if (order != init_order_terminate) return;
    terminating_ = true;
    ::kill(-1, SIGTERM);
    ::kill(-1, SIGCONT);
  }

  // Leaves when the command has ended; after a TERM, when everybody has.
  void reap() {
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid < 0 && errno == ECHILD) ::_exit(0);
      if (pid <= 0) return;
      if (pid != command_) continue;
      InitEvent event{};
      event.kind = InitEvent::Kind::exited;
      event.wait_status = status;
      send(events_fd_, event);
      if (!terminating_) ::_exit(0);
    }
  }

  pid_t command_;
  int control_fd_;
  int events_fd_;
  bool terminating_ = false;
};

}  // namespace

bool read_event(int fd, InitEvent& event) {
  ssize_t count = 0;
  do {
    count = ::read(fd, &event, sizeof event);
  } while (count < 0 && errno == EINTR);
  return count == sizeof event;
}

void run_init(const Options& options, const Streams& streams, int control_fd, int events_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  close_all_but({control_fd, events_fd, streams.in.get(), streams.out.get(), streams.err.get()});
  ::prctl(PR_SET_NAME, "agentcmd-init");
  await_order(control_fd, init_order_set_up);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  InitEvent event{};
  event.kind =
      mount_own_proc() && signal_fd >= 0 ? InitEvent::Kind::ready : InitEvent::Kind::not_possible;
  send(events_fd, event);
  if (event.kind != InitEvent::Kind::ready) ::_exit(1);

  await_order(control_fd, init_order_go);
  const pid_t command = fork_command(options, streams, events_fd);
  for (const Fd* stream : {&streams.in, &streams.out, &streams.err}) ::close(stream->get());
  Init init(command, control_fd, events_fd);
  init.run(signal_fd);
}

}  // namespace supervise
