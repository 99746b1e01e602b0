#pragma once
// start_worker() with limits other than those of runs.

#include "base/limits.h"
#include "script/worker.h"

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace agentcmd::script {

struct WorkerOptions {
  std::filesystem::path libexec;
  std::vector<std::string> arguments;  // of the program, after the folder
  std::chrono::milliseconds answer_max = limits::worker_answer_max;
};

struct StartedWorker {
  std::unique_ptr<Worker> worker;
  pid_t pid = -1;
};

Task<Result<StartedWorker>> start_worker_with(boost::asio::any_io_executor executor,
                                              WorkerOptions options, WorkerHandlers handlers);

}  // namespace agentcmd::script
