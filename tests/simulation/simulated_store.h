#pragma once
// The store as one simulated process has it: calls take their time, writes are committed one after
// the other and some together, a full disk is a Fault, and what was on its way when the process is
// killed is on the disk or is not, from the first to some one.

#include "simulation/disk.h"
#include "simulation/judge.h"
#include "simulation/port.h"
#include "store/store.h"

#include <deque>
#include <exception>
#include <functional>
#include <memory>

namespace agentcmd::simulation {

// What is the matter with the disk, for all processes.
struct DiskState {
  bool full = false;
  Milliseconds slow{0};  // added to each write
  bool lying = false;    // on purpose: says that a commit is on disk before it is
};

class SimulatedStore final : public store::Store {
 public:
  SimulatedStore(Port& port, Disk& disk, Judge& judge, const DiskState& state);
  ~SimulatedStore() override;

  store::HistoryLog& log() override;
  store::Catalog& catalog() override;
  store::Requests& requests() override;
  store::Events& events() override;
  store::Retention& retention() override;
  store::Places& places() override;
  store::Triggers& triggers() override;

  // The process is being killed: decides what of its writes is still committed.
  void cut();

 private:
  class Log;
  class Catalog;
  class Requests;
  class Events;
  class Places;
  struct Write;

  Task<> write(std::function<void()> work);
  std::shared_ptr<Write> submit(std::function<void()> work);
  void serve_next();
  void serve_some();
  Task<> read_delay();

  Result<void> append(const std::vector<store::RunAppend>& parts);
  Result<store::Owner> take_over(const history::RunId& run, const store::Owner& from,
                                 const std::string& driver);

  Port& port_;
  Disk& disk_;
  Judge& judge_;
  const DiskState& state_;
  std::deque<std::shared_ptr<Write>> queue_;  // not yet committed
  std::deque<std::shared_ptr<Write>> answering_;
  bool serving_ = false;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<Places> places_;
};

}  // namespace agentcmd::simulation
