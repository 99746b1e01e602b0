#include "container.h"

#include "namespace_container.h"
#include "tree_container.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <span>

namespace supervise {
namespace {

std::unique_ptr<Container> make(Containment containment, bool with_cgroup) {
  switch (containment) {
    case Containment::pid_namespace:
      return std::make_unique<NamespaceContainer>(with_cgroup);
    case Containment::cgroup_v2:
      return std::make_unique<TreeContainer>(Containment::cgroup_v2);
    case Containment::cgroup_v1:
      return std::make_unique<TreeContainer>(Containment::cgroup_v1);
    case Containment::subreaper:
    case Containment::automatic:
      return std::make_unique<TreeContainer>(Containment::subreaper);
  }
  return nullptr;
}

// A user namespace breaks sudo and some ssh configurations, which costs people more than the rare
// escape from a cgroup: so it comes second where it would be needed.
constexpr Containment order_of_root[] = {Containment::pid_namespace, Containment::cgroup_v2,
                                         Containment::cgroup_v1, Containment::subreaper};
constexpr Containment order_of_users[] = {Containment::cgroup_v2, Containment::pid_namespace,
                                          Containment::subreaper};

}  // namespace

std::unique_ptr<Container> start_contained(const Options& options, const Streams& streams) {
  const Containment forced[] = {options.containment};
  std::span<const Containment> order = forced;
  if (options.containment == Containment::automatic) {
    order = ::geteuid() == 0 ? std::span<const Containment>(order_of_root)
                             : std::span<const Containment>(order_of_users);
  }
  for (const Containment containment : order) {
    for (const bool with_cgroup : {true, false}) {
      auto container = make(containment, with_cgroup);
      if (container->start(options, streams)) return container;
      if (containment != Containment::pid_namespace) break;
    }
  }
  return nullptr;
}

pid_t fork_child(std::uint64_t namespaces, int cgroup_fd) {
  clone_args arguments{};
  arguments.flags = namespaces;
  arguments.exit_signal = SIGCHLD;
  if (cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  // Some containers' filters know no clone3.
  if (pid < 0 && errno == ENOSYS && arguments.flags == 0) return ::fork();
  return pid;
}

Usage usage_from(const rusage& usage) {
  const auto ms = [](const timeval& time) {
    return std::int64_t{time.tv_sec} * 1000 + time.tv_usec / 1000;
  };
  return {.cpu_ms = ms(usage.ru_utime) + ms(usage.ru_stime), .max_rss_kib = usage.ru_maxrss};
}

}  // namespace supervise
