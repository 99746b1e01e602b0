#pragma once
// Examines a home from the disk up: its store (store/verify.h), the code that unfinished runs need,
// drivers and processes that should be gone, what runs have left in their projects, and the
// machine. Nothing is changed unless repairs are asked for.

#include "async/task.h"
#include "runtime/agent_checkup.h"
#include "runtime/surroundings.h"
#include "store/store.h"
#include "store/verify.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct DoctorOptions {
  store::Home home;
  std::filesystem::path libexec;
  bool rebuild = false;  // make the projections again
  bool fix = false;      // everything that is safe, the projections only where they differ
};

struct Checkup {
  std::vector<store::Finding> findings;
  std::vector<std::string> repaired;  // what was done, in words
  store::Verified store;              // its findings are among `findings`
  Surroundings surroundings;
  std::vector<AgentState> agents;
  std::size_t drivers = 0;  // alive
};

// `open` opens the store of the home, and is called for repairs only.
Task<Checkup> examine(boost::asio::any_io_executor executor, DoctorOptions options,
                      std::function<store::Store&()> open);

// Processes that execute runs of the home now; an id of 0 is one that has not said its own.
std::vector<int> live_drivers(const store::Home& home);

}  // namespace agentcmd::runtime
