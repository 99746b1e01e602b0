#pragma once
// How many steps of a kind may run at once in this driver. First come, first served; a step that
// waits has a place that can be shown. One thread: the loop's.

#include "steps/step.h"

#include <array>
#include <cstdint>
#include <functional>
#include <list>

namespace agentcmd::runtime {

class Slots {
 public:
  using Kind = steps::StepType::Slot;
  using Ticket = std::uint64_t;  // of one that waits; 0 is none

  Slots(int agents, int commands) : free_{agents, commands} {}

  // Takes a slot if one is free and nobody waits for it.
  bool try_take(Kind kind);

  // Takes one even beyond the limit: for a process that runs already.
  void take(Kind kind);

  // Calls `granted` once, later, when a slot has been taken for the caller.
  Ticket wait(Kind kind, std::function<void()> granted);

  // The caller waits no more. Harmless when it was granted meanwhile.
  void leave(Ticket ticket);

  // Gives a taken slot back, to the first who waits.
  void release(Kind kind);

 private:
  struct Waiter {
    Ticket ticket;
    Kind kind;
    std::function<void()> granted;
  };

  int& free(Kind kind) { return free_.at(kind == Kind::agent ? 0 : 1); }
  bool is_waited_for(Kind kind) const;

  std::array<int, 2> free_;  // below zero while more run than the limit allows
  std::list<Waiter> waiters_;
  Ticket last_ticket_ = 0;
};

}  // namespace agentcmd::runtime
