#include "tree_container.h"

#include "process_tree.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace supervise {
namespace {

// With signals alone a fork bomb can outrun us; a ceiling on the number of processes is what lets
// us catch up. The kernel does not hold root to it.
void limit_processes() {
  constexpr rlim_t processes_max = 4096;
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_cur = std::min(limit.rlim_cur, processes_max);
  limit.rlim_max = std::min(limit.rlim_max, processes_max);
  ::setrlimit(RLIMIT_NPROC, &limit);
}

void wait_for_a_death() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
  ::sigtimedwait(&child, nullptr, &pause);
}

}  // namespace

bool TreeContainer::prepare() {
  switch (containment_) {
    case Containment::cgroup_v2:
      cgroup_ = Cgroup::create(Cgroup::Kind::v2);
      break;
    case Containment::cgroup_v1:
      cgroup_ = Cgroup::create(Cgroup::Kind::v1_freezer);
      break;
    case Containment::subreaper:
    case Containment::automatic:
    case Containment::pid_namespace:
      break;
  }
  if (containment_ != Containment::subreaper && !cgroup_) return false;
  if (::geteuid() == 0 && Cgroup::memory_is_limited())
    memory_ = Cgroup::create(Cgroup::Kind::v1_memory);
  return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

bool TreeContainer::start(const Options& options, const Streams& streams) {
  Pipe go;
  Pipe failures;
  if (!prepare() || !make_pipe(go) || !make_pipe(failures)) return false;
  command_ = fork_child(0, cgroup_ ? cgroup_->fd() : -1);
  if (command_ < 0) return false;
  if (command_ == 0) {
    close_all_but({go.read_end.get(), failures.write_end.get(), streams.in.get(), streams.out.get(),
                   streams.err.get()});
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char order = 0;
    if (::read(go.read_end.get(), &order, 1) != 1) ::_exit(1);  // the supervisor is dead
    if (containment_ == Containment::subreaper) limit_processes();
    exec_command(options, streams, failures.write_end.get());
  }
  gone_ = false;
  go_ = std::move(go.write_end);
  failures_ = std::move(failures.read_end);
  const bool in_v1_groups = (containment_ != Containment::cgroup_v1 || cgroup_->add(command_)) &&
                            (!memory_ || memory_->add(command_));
  if (!in_v1_groups) kill();
  return in_v1_groups;
}

StatusRecord TreeContainer::status() const {
  return {.pid = command_,
          .containment = to_string(containment_),
          .cgroup = cgroup_ ? cgroup_->path() : "",
          .memory_cgroup = memory_ ? memory_->path() : ""};
}

bool TreeContainer::go(ExecFailure& failure) {
  const char order = 'g';
  const bool failed = ::write(go_.get(), &order, 1) == 1 &&
                      ::read(failures_.get(), &failure, sizeof failure) == sizeof failure;
  go_.reset();
  failures_.reset();
  return !failed;
}

void TreeContainer::reap() {
  while (!gone_) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (pid < 0 && errno == ECHILD) gone_ = true;
    if (pid <= 0) return;
    if (pid == command_) {
      command_ended_ = true;
      wait_status_ = status;
    }
  }
}

void TreeContainer::interrupt() {
  for (const pid_t pid : cgroup_ ? cgroup_->pids() : descendants()) ::kill(pid, SIGINT);
}

void TreeContainer::terminate() {
  for (const pid_t pid : cgroup_ ? cgroup_->pids() : descendants()) {
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);
  }
}

void TreeContainer::kill() {
  while (!gone_) {
    if (cgroup_) cgroup_->kill();
    // Who has left the cgroup is still our descendant.
    if (!cgroup_ || cgroup_->pids().empty()) stop_and_kill_tree();
    wait_for_a_death();
    reap();
  }
}

void TreeContainer::stop_and_kill_tree() {
  // The bound is for a tree that grows faster than we look; kill() comes back.
  constexpr int passes_max = 1000;
  std::vector<pid_t> known;
  for (int pass = 0, quiet = 0; pass < passes_max && quiet < 2 && !gone_; ++pass) {
    std::vector<pid_t> stopped = stop_descendants();
    const bool nobody_new =
        std::includes(known.begin(), known.end(), stopped.begin(), stopped.end());
    quiet = nobody_new ? quiet + 1 : 0;
    known = std::move(stopped);
    reap();  // zombies would fill the limit of processes
  }
  for (const pid_t pid : descendants()) ::kill(pid, SIGKILL);
}

Usage TreeContainer::usage() const {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return usage_from(used);
}

std::int64_t TreeContainer::oom_kills() const {
  if (cgroup_ && cgroup_->oom_kills() >= 0) return cgroup_->oom_kills();
  return memory_ ? memory_->oom_kills() : -1;
}

}  // namespace supervise
