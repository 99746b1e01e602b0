#pragma once
// One means of containment at work: the command and everything that descends from it.
//
// The order of calls: start() leaves the command blocked before its exec; go() lets it through;
// reap() after each SIGCHLD; kill() and the destructor leave nobody alive.

#include "attempt_folder.h"
#include "exec_command.h"
#include "options.h"

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>

namespace supervise {

struct Usage {
  std::int64_t cpu_ms = 0;
  std::int64_t max_rss_kib = 0;
};

class Container {
 public:
  virtual ~Container() = default;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // False where this machine does not allow it; nothing is left behind then.
  virtual bool start(const Options& options, const Streams& streams) = 0;
  virtual StatusRecord status() const = 0;
  // False, with the reason, if the command could not be executed.
  virtual bool go(ExecFailure& failure) = 0;

  virtual void reap() = 0;
  virtual bool command_ended() const = 0;
  virtual bool all_gone() const = 0;
  // INT to everybody.
  virtual void interrupt() = 0;
  // TERM to everybody; from then on whoever survives the command may use the time of grace.
  virtual void terminate() = 0;
  // Returns when everybody is dead.
  virtual void kill() = 0;

  // Once all are gone: wait(2)'s status of the command.
  virtual int wait_status() const = 0;
  // Once all are gone: whether somebody killed the process of ours that would have told us how the
  // command ended. wait_status() is that process's then.
  virtual bool is_helper_lost() const { return false; }
  virtual Usage usage() const = 0;
  // How many of its processes the kernel killed for memory, or -1 where nobody counts.
  virtual std::int64_t oom_kills() const = 0;

 protected:
  Container() = default;
};

// The first means, in the order that README.md gives, that works here, its
// command blocked before exec; null if none does (only when one is forced).
std::unique_ptr<Container> start_contained(const Options& options, const Streams& streams);

// fork, into new namespaces and a cgroup where asked for. 0 in the child, -1 with errno.
pid_t fork_child(std::uint64_t namespaces, int cgroup_fd);

Usage usage_from(const rusage& usage);

}  // namespace supervise
