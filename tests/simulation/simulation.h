#pragma once
// One simulation: runs of random programs, driven by processes that come, go and are killed, on a
// machine whose disk, clock, worker and processes fail, until the faults end; then every run must
// end. The same options give the same simulation.

#include "history/event.h"
#include "simulation/program.h"
#include "simulation/world.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::simulation {

// What can go wrong, and what people do.
enum class Mishap : unsigned {
  kill = 1,           // of a process, at any moment
  leave = 2,          // a process ends in good order
  worker = 4,         // it dies, or stops the code of a run
  power = 8,          // all processes and attempts at once
  supervisor = 16,    // an attempt is lost
  clock = 32,         // is set, forward or back
  disk_full = 64,     // for a while
  slow_disk = 128,    // for a while
  two_drivers = 256,  // one that lives is taken for dead
  cancel = 512,       // of a run, softly or twice
  pause = 1024,       // and resume
  stall = 2048,       // a process stands still for a while, and does not notice
  again = 4096,       // alarms ring twice, ends are told twice
  keeper = 8192,      // a process that keeps the home going, among the others
  fork = 16384,       // of a run, from any step, or a retry
  retention = 32768,  // an ended run is forgotten
};
inline constexpr unsigned all_faults = 65535;

// A rule that is broken on purpose, to see that it is noticed.
enum class Broken { nothing, commit, fence, timer };

struct Options {
  std::uint64_t seed = 1;
  unsigned faults = all_faults;  // of Mishap
  int runs = 3;                  // at most
  int leaves = 12;               // of a program, about
  int mishaps = 80;              // at most
  Broken broken = Broken::nothing;
  bool keep_trace = false;

  // Instead of chance: one run of this program, and this mishap alone, as the `at`-th thing.
  struct Scene {
    Program program;
    std::vector<Program> children;  // "c0", "c1", …
    bool keeper = false;            // somebody keeps the home going
    bool waits = false;             // whoever drives it waits for the answers of people
    Mishap mishap = Mishap::kill;
    std::uint64_t at = 0;
  };
  std::optional<Scene> scene;
};

struct Report {
  std::vector<Violation> violations;
  std::deque<std::string> trace;
  std::string programs;
  std::map<history::RunId, std::vector<history::Event>> histories;
  std::uint64_t steps = 0;
  std::uint64_t events = 0;
  std::uint64_t runs = 0;
};

Report simulate(const Options& options);

}  // namespace agentcmd::simulation
