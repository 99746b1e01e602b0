#pragma once
// The disk of the simulated machine: what is durable, and nothing else. It keeps the contract of
// store/ (an append's parts in one transaction or not at all, owner and term checked, sequence
// numbers expected), at once: time and faults are added by who uses it (simulated_store.h).

#include "base/result.h"
#include "history/event.h"
#include "store/fold.h"
#include "store/store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::simulation {

class Disk {
 public:
  virtual ~Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // store/history_log.h
  virtual Result<void> append(const std::vector<store::RunAppend>& parts) = 0;
  virtual std::vector<history::Event> read(const history::RunId& run, std::uint64_t after_seq) = 0;
  virtual std::optional<store::Owner> owner(const history::RunId& run) = 0;
  virtual Result<store::Owner> take_over(const history::RunId& run, const store::Owner& from,
                                         const std::string& driver) = 0;

  // store/requests.h
  virtual std::uint64_t add_request(store::Request request) = 0;
  virtual std::vector<store::Request> pending_requests() = 0;
  virtual void request_done(std::uint64_t id) = 0;

  // store/events.h
  virtual std::vector<std::uint64_t> add_events(std::vector<store::ProjectEvent> events) = 0;
  virtual std::vector<store::ProjectEvent> events() = 0;  // oldest first
  // The last event that there was when the run was created.
  virtual std::uint64_t created_after(const history::RunId& run) = 0;

  // store/retention.h: why it stays, or empty.
  virtual std::string forget(const history::RunId& run) = 0;

  // store/catalog.h
  virtual std::vector<store::RunRow> runs() = 0;  // oldest first
  virtual std::vector<store::StepRow> steps(const history::RunId& run) = 0;

 protected:
  Disk() = default;
};

class StepRows final : public store::StepTable {
 public:
  store::ProjectedStep* find(const history::StepKey& key) override;
  void add(store::ProjectedStep step) override { steps_.push_back(std::move(step)); }
  std::vector<store::StepRow> rows() const;

 private:
  std::vector<store::ProjectedStep> steps_;
};

class MemoryDisk final : public Disk {
 public:
  // Of a disk that is broken on purpose.
  struct Defects {
    bool no_fence = false;  // whoever appends is taken for the owner
  };

  explicit MemoryDisk(Defects defects) : defects_(defects) {}

  Result<void> append(const std::vector<store::RunAppend>& parts) override;
  std::vector<history::Event> read(const history::RunId& run, std::uint64_t after_seq) override;
  std::optional<store::Owner> owner(const history::RunId& run) override;
  Result<store::Owner> take_over(const history::RunId& run, const store::Owner& from,
                                 const std::string& driver) override;
  std::uint64_t add_request(store::Request request) override;
  std::vector<store::Request> pending_requests() override;
  void request_done(std::uint64_t id) override;
  std::vector<std::uint64_t> add_events(std::vector<store::ProjectEvent> events) override;
  std::vector<store::ProjectEvent> events() override { return events_; }
  std::uint64_t created_after(const history::RunId& run) override;
  std::string forget(const history::RunId& run) override;
  std::vector<store::RunRow> runs() override;
  std::vector<store::StepRow> steps(const history::RunId& run) override;

 private:
  struct Run {
    store::Owner owner;
    std::vector<history::Event> events;
    std::uint64_t created_after = 0;
    std::uint64_t number = 0;
    store::ProjectedRun projected;
    StepRows steps;
  };

  Result<void> check(const store::RunAppend& part) const;

  Defects defects_;
  std::map<history::RunId, Run> runs_;
  std::map<std::uint64_t, store::Request> requests_;
  std::uint64_t last_request_ = 0;
  std::uint64_t last_run_ = 0;
  std::vector<store::ProjectEvent> events_;
};

}  // namespace agentcmd::simulation
