#pragma once
// Parts of runs_bench about many runs at once; each prints a line.

#include <filesystem>

namespace agentcmd::bench {

// "DRIVER WORKERS PEAK PER_RUN PER_STEP": the memory of a driver that has put so many runs of so
// many steps to sleep, and of its workers, in MB; the most that both have ever taken up; what a run
// without steps, and a step, take on the disk in bytes. Our own part of the memory counts as the
// driver's.
void asleep(const std::filesystem::path& libexec, int runs, int steps);

// "SECONDS RUNS STEPS": from the kill -9 of a process that executes so many long runs until each of
// them has completed another step in the process after it, or until that has been waited for long
// enough; the runs that have; the steps that all had completed before. Precondition: this process
// has started nothing yet.
void killed(const std::filesystem::path& libexec, int runs);

}  // namespace agentcmd::bench
