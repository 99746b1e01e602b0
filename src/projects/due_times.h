#pragma once
// When schedules are due. croner says so, in a worker process of its own that is started when it is
// first asked.

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "projects/trigger_config.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::projects {

// Why one of the schedules that a definition declares is none; empty when all of them are.
Task<std::string> flaw_of_schedules(script::Worker& worker, const script::WorkflowInfo& info);

class DueTimes {
 public:
  DueTimes(boost::asio::any_io_executor executor, std::filesystem::path libexec);
  DueTimes(const DueTimes&) = delete;
  DueTimes& operator=(const DueTimes&) = delete;

  // Those behind `after`, up to and including `until` where that is given, at most `count`.
  // invalid_argument for a pattern or a zone that is none.
  Task<Result<std::vector<Time>>> of(CronTrigger trigger, Time after, std::optional<Time> until,
                                     std::size_t count);
  // The first one; the epoch where there is none.
  Task<Result<Time>> next(CronTrigger trigger, Time after);

  // Before it is destroyed.
  Task<> stop();

 private:
  Task<Result<script::Worker*>> worker();

  boost::asio::any_io_executor executor_;
  std::filesystem::path libexec_;
  std::unique_ptr<script::Worker> worker_;
  bool died_ = false;
};

}  // namespace agentcmd::projects
