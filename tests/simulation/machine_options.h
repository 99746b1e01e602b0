#pragma once
// What is odd about the simulated machine.

#include <string>

namespace agentcmd::simulation {

// For all processes; how often, of a thousand times.
struct MachineOptions {
  unsigned mistaken = 0;     // a driver that lives is taken for dead
  std::string thought_dead;  // the same of one of them, as long as it stands here
  unsigned rings_twice = 0;  // an alarm rings once more than it was set
  unsigned tells_twice = 0;  // the end of a closure is told again, later
};

}  // namespace agentcmd::simulation
