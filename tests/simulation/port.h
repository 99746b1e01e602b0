#pragma once
// What connects one simulated process with the world: when the process is killed its port is cut,
// and nothing that it still does has any effect.

#include "async/task.h"
#include "async/wakeup.h"
#include "simulation/world.h"

#include <algorithm>
#include <memory>
#include <string>

namespace agentcmd::simulation {

class Port {
 public:
  Port(World& world, std::string process)
      : world_(world), process_(std::move(process)), changed_(world.executor()) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  World& world() { return world_; }
  const std::string& process() const { return process_; }

  bool is_cut() const { return cut_; }
  void cut() {
    cut_ = true;
    changed_.notify();
  }

  // The process does not run for a while, and knows nothing of it (SIGSTOP, a machine that sleeps).
  void stall(Milliseconds time) {
    world_.trace("{} stands still for {} ms", process_, time.count());
    stalled_until_ = world_.elapsed() + time;
  }
  // How much longer.
  Milliseconds stalled() const {
    return std::max(stalled_until_ - world_.elapsed(), Milliseconds(0));
  }

  // Suspends the caller for so long, or until the port is cut.
  Task<> pass(Milliseconds delay) {
    const auto over = std::make_shared<bool>(false);
    world_.after(delay + stalled(), [this, over] {
      *over = true;
      changed_.notify();
    });
    while (!*over && !cut_) co_await changed_.wait();
  }

  // Of what waits for something else than time.
  Wakeup& changed() { return changed_; }

 private:
  World& world_;
  std::string process_;
  Wakeup changed_;
  bool cut_ = false;
  Milliseconds stalled_until_{0};
};

}  // namespace agentcmd::simulation
