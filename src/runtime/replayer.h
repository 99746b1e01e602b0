#pragma once
// Code without the run: a history is replayed against it in a worker of its own, to see whether it
// still does what was recorded, or to ask it something. Nobody owns the run meanwhile, nothing is
// recorded, and nothing has effects, as a replay begins no closure.

#include "async/task.h"
#include "base/result.h"
#include "engine/replay.h"
#include "history/event.h"
#include "script/bundle.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

struct ReplayVerdict {
  std::size_t commands = 0;  // that were recorded
  std::optional<engine::Mismatch> mismatch;
  std::string failure;  // why the code could not be replayed to its end; empty where it could
  bool matches() const { return !mismatch && failure.empty(); }
};

// What does not match, for people, on one line; empty where all does.
std::string describe(const ReplayVerdict& verdict);

// One at a time; the worker is started by the first replay and serves the next ones.
class Replayer {
 public:
  Replayer(boost::asio::any_io_executor executor, std::filesystem::path libexec);

  // `events` is the whole history of `run`. Throws Fault where it is damaged. Error: no worker can
  // be started.
  Task<Result<ReplayVerdict>> check(history::RunId run, std::vector<history::Event> events,
                                    script::Bundle bundle);

  // Asks the code as it stands after `events` (step.onQuery); `args` is JSON. Errors: as
  // script::Worker::query, and failed_precondition where the code does not match the history, or
  // has not been told anything yet.
  Task<Result<JsonText>> query(history::RunId run, std::vector<history::Event> events,
                               script::Bundle bundle, std::string name, JsonText args);

  // To be called once, before the end.
  Task<> stop();

 private:
  // One replay, in a context of its own that stays until it is forgotten.
  struct Replayed {
    history::RunId context;
    script::ActivationOutcome outcome;
  };
  Task<Result<Replayed>> replay(history::Activation activation, const script::Bundle& bundle);
  Task<> forget(Replayed replayed);

  boost::asio::any_io_executor executor_;
  std::filesystem::path libexec_;
  std::unique_ptr<script::Worker> worker_;
  std::uint64_t replays_ = 0;
};

}  // namespace agentcmd::runtime
