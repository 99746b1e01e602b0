#pragma once
// PID namespace: nobody can leave it, and the death of its init, which we wait for, is the death of
// all. It dies with us. Root gets a plain one; a user gets one inside a user namespace that maps
// the user's own ids.

#include "cgroup.h"
#include "container.h"

namespace supervise {

class NamespaceContainer final : public Container {
 public:
  // With a cgroup the kills of the out-of-memory killer can be counted.
  explicit NamespaceContainer(bool with_cgroup) : with_cgroup_(with_cgroup) {}
  ~NamespaceContainer() override { kill(); }

  bool start(const Options& options, const Streams& streams) override;
  StatusRecord status() const override;
  bool go(ExecFailure& failure) override;
  void reap() override;
  bool command_ended() const override { return init_ <= 0; }
  bool all_gone() const override { return init_ <= 0; }
  void interrupt() override;
  void terminate() override;
  void kill() override;
  int wait_status() const override { return wait_status_; }
  bool is_helper_lost() const override { return is_init_lost_; }
  Usage usage() const override { return usage_; }
  std::int64_t oom_kills() const override;

 private:
  bool map_ids() const;
  void on_init_dead(int init_status);

  bool with_cgroup_;
  std::unique_ptr<Cgroup> cgroup_;
  std::unique_ptr<Cgroup> memory_;
  pid_t init_ = 0;
  Fd control_;  // bytes to init
  Fd events_;   // InitEvents from it
  int wait_status_ = 0;
  bool is_init_lost_ = false;
  Usage usage_;
};

}  // namespace supervise
