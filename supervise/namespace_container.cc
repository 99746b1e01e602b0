#include "namespace_container.h"

#include "namespace_init.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace supervise {

bool NamespaceContainer::start(const Options& options, const Streams& streams) {
  const bool is_root = ::geteuid() == 0;
  if (with_cgroup_) {
    cgroup_ = Cgroup::create(Cgroup::Kind::v2);
    // v1 counts memory in a hierarchy of its own, and lets nobody but root in. To join it takes
    // some 10 ms, which only a limit makes worth it: else the whole machine runs out, and its own
    // counter says so.
    if (is_root && Cgroup::memory_is_limited()) memory_ = Cgroup::create(Cgroup::Kind::v1_memory);
    if (!cgroup_ && !memory_) return false;
  }
  Pipe control;
  Pipe events;
  if (!make_pipe(control) || !make_pipe(events)) return false;
  std::uint64_t namespaces = CLONE_NEWPID | CLONE_NEWNS;
  if (!is_root) namespaces |= CLONE_NEWUSER;
  init_ = fork_child(namespaces, cgroup_ ? cgroup_->fd() : -1);
  if (init_ < 0) return false;
  if (init_ == 0) {
    run_init(options, streams, control.read_end.get(), events.write_end.get());
  }
  control_ = std::move(control.write_end);
  events_ = std::move(events.read_end);
  events.write_end.reset();

  const char ready = init_order_set_up;
  InitEvent event{};
  const bool works = (!memory_ || memory_->add(init_)) && (is_root || map_ids()) &&
                     ::write(control_.get(), &ready, 1) == 1 && read_event(events_.get(), event) &&
                     event.kind == InitEvent::Kind::ready;
  if (!works) kill();
  return works;
}

// The user is the same user inside, without rights that the user does not have outside.
bool NamespaceContainer::map_ids() const {
  const std::string proc = "/proc/" + std::to_string(init_);
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  write_text(proc + "/setgroups", "deny");
  return write_text(proc + "/uid_map", uid + " " + uid + " 1") &&
         write_text(proc + "/gid_map", gid + " " + gid + " 1");
}

StatusRecord NamespaceContainer::status() const {
  return {.pid = init_,
          .containment = to_string(Containment::pid_namespace),
          .cgroup = cgroup_ ? cgroup_->path() : "",
          .memory_cgroup = memory_ ? memory_->path() : ""};
}

bool NamespaceContainer::go(ExecFailure& failure) {
  const char order = init_order_go;
  InitEvent event{};
  if (::write(control_.get(), &order, 1) != 1 || !read_event(events_.get(), event)) {
    return true;  // killed meanwhile; reap() says by what
  }
  if (event.kind != InitEvent::Kind::exec_failed) return true;
  failure = event.failure;
  return false;
}

void NamespaceContainer::reap() {
  int status = 0;
  rusage used{};
  if (init_ > 0 && ::wait4(init_, &status, WNOHANG, &used) == init_) {
    usage_ = usage_from(used);
    on_init_dead(status);
  }
}

void NamespaceContainer::on_init_dead(int init_status) {
  init_ = 0;
  wait_status_ = init_status;  // holds if init was killed before the command had ended
  is_init_lost_ = true;
  InitEvent event{};
  ::fcntl(events_.get(), F_SETFL, O_NONBLOCK);
  while (read_event(events_.get(), event)) {
    if (event.kind != InitEvent::Kind::exited) continue;
    wait_status_ = event.wait_status;
    is_init_lost_ = false;
  }
}

void NamespaceContainer::interrupt() {
  const char order = init_order_interrupt;
  if (::write(control_.get(), &order, 1) != 1) kill();
}

void NamespaceContainer::terminate() {
  const char order = init_order_terminate;
  // If init is gone there is nobody to tell; SIGPIPE is ignored.
  if (::write(control_.get(), &order, 1) != 1) kill();
}

void NamespaceContainer::kill() {
  if (init_ <= 0) return;
  ::kill(init_, SIGKILL);
  int status = 0;
  rusage used{};
  while (::wait4(init_, &status, 0, &used) < 0 && errno == EINTR) {
  }
  usage_ = usage_from(used);
  on_init_dead(status);
}

std::int64_t NamespaceContainer::oom_kills() const {
  if (cgroup_ && cgroup_->oom_kills() >= 0) return cgroup_->oom_kills();
  return memory_ ? memory_->oom_kills() : -1;
}

}  // namespace supervise
