#pragma once
// The means without a namespace. We are the subreaper of all descendants, so waitpid() saying
// "no child" is the proof that nobody is left; they differ in how those are killed who fork while
// we look: cgroup v2 (cgroup.kill), cgroup v1 (freeze, kill, thaw), or nothing but signals (stop
// until nobody is new, then kill).

#include "cgroup.h"
#include "container.h"

namespace supervise {

class TreeContainer final : public Container {
 public:
  explicit TreeContainer(Containment containment) : containment_(containment) {}
  ~TreeContainer() override { kill(); }

  bool start(const Options& options, const Streams& streams) override;
  StatusRecord status() const override;
  bool go(ExecFailure& failure) override;
  void reap() override;
  bool command_ended() const override { return command_ended_; }
  bool all_gone() const override { return gone_; }
  void interrupt() override;
  void terminate() override;
  void kill() override;
  int wait_status() const override { return wait_status_; }
  Usage usage() const override;
  std::int64_t oom_kills() const override;

 private:
  bool prepare();
  void stop_and_kill_tree();

  Containment containment_;
  std::unique_ptr<Cgroup> cgroup_;
  std::unique_ptr<Cgroup> memory_;
  pid_t command_ = 0;
  Fd go_;
  Fd failures_;
  bool command_ended_ = false;
  bool gone_ = true;
  int wait_status_ = 0;
};

}  // namespace supervise
