#pragma once
// What this machine gives to agentcmd: how well processes can be contained, which tools are there,
// how much room and how fast a disk the home has.

#include "async/task.h"
#include "store/verify.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct Tool {
  std::string name;
  bool found = false;
  std::string version;  // its own words; empty where it does not say
};

struct Surroundings {
  std::string containment;  // "pid_namespace", "cgroup_v2", …; empty: it could not be tried
  std::vector<Tool> tools;
  std::uint64_t free_bytes = 0;  // for us, where the home is
  double sync_milliseconds = 0;  // median of a small write with fdatasync; 0: not measured
  std::vector<store::Finding> findings;
};

// Starts every tool once, and one contained process. The file whose writing is measured has no
// name.
Task<Surroundings> examine_surroundings(boost::asio::any_io_executor executor,
                                        std::filesystem::path libexec, store::Home home);

}  // namespace agentcmd::runtime
