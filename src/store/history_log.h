#pragma once
// The append-only log behind every promise: what append() has returned for survives power loss. One
// writer thread serves all callers of this process and commits everything that waits in one
// transaction, so that a thousand waiting runs cost one fsync; several processes share the database
// fairly (writer.cc). Readers never wait for a writer.

#include "async/task.h"
#include "base/result.h"
#include "history/event.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

// The right to append to a run's history. The term counts takeovers, so that a driver which lost a
// run cannot append even under its own name.
struct Owner {
  std::string driver;
  std::uint32_t term = 1;
  bool operator==(const Owner&) const = default;
};

// A run that is taken over from its owner.
struct Takeover {
  history::RunId run;
  Owner from;
};

// What one run adds. The first append of a run (expected_seq 0, first event RunCreated) creates it,
// owned by `owner`.
struct RunAppend {
  history::RunId run;
  std::uint64_t expected_seq = 0;  // the last sequence number that the caller has seen
  Owner owner;
  std::vector<history::Event> events;
};

class HistoryLog {
 public:
  virtual ~HistoryLog() = default;
  HistoryLog(const HistoryLog&) = delete;
  HistoryLog& operator=(const HistoryLog&) = delete;

  // Returns when all parts are on disk, in one transaction or not at all. conflict if a run has
  // moved past its part's expected_seq or belongs to another owner; already_exists for a second
  // creation. Throws Fault when the disk is full or broken: then nothing was written.
  virtual Task<Result<void>> append(std::vector<RunAppend> parts) = 0;

  // All events of the run after `after_seq`, oldest first, payloads included; empty for a run that
  // does not exist. Throws Fault when a row or a blob is damaged, naming run and sequence number.
  virtual Task<std::vector<history::Event>> read(history::RunId run, std::uint64_t after_seq) = 0;

  // Who owns the run; nothing for a run that does not exist.
  virtual Task<std::optional<Owner>> owner(history::RunId run) = 0;

  // The same for many, in their order.
  virtual Task<std::vector<std::optional<Owner>>> owners(std::vector<history::RunId> runs) = 0;

  // Takes the run over: `driver` owns it at the next term, and `from` can append nothing more.
  // conflict if `from` is not its owner any more. Durable upon return.
  virtual Task<Result<Owner>> take_over(history::RunId run, Owner from, std::string driver) = 0;

  // The same for many, in one transaction; an answer for each, in their order.
  virtual Task<std::vector<Result<Owner>>> take_over_all(std::vector<Takeover> runs,
                                                         std::string driver) = 0;

  // Commits what is waiting and closes. Calls after this throw Fault.
  virtual Task<> stop() = 0;

 protected:
  HistoryLog() = default;
};

}  // namespace agentcmd::store
