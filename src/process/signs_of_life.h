#pragma once
// What a supervised process shows of being alive: what it writes, and the CPU time of everything
// that descends from its supervisor. Read from its folder and the kernel; the process need not
// help.

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace agentcmd::process {

struct SignsOfLife {
  std::uint64_t output_bytes = 0;
  // Of all that live, and of those whose parents have waited for them. Zero where it cannot be
  // read.
  std::chrono::microseconds cpu{0};
  // STOP was sent to the supervisor: it reads no output and watches no time.
  bool supervisor_stopped = false;
};

// `dir` is the attempt's folder.
SignsOfLife signs_of_life(const std::filesystem::path& dir);

}  // namespace agentcmd::process
