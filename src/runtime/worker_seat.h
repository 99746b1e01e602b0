#pragma once
// One of the worker processes of a driver (worker_host.h): started when first needed and again
// after its death, with the code that its runs are made of and what their contexts take up.

#include "async/task.h"
#include "async/wakeup.h"
#include "base/result.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace agentcmd::runtime {

// The code of runs, read from the disk once for all seats.
class BundleShelf {
 public:
  explicit BundleShelf(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // A bundle that is gone or damaged is an Error. The pointer holds for the life of the shelf.
  Result<const script::Bundle*> find(const std::string& hash);

 private:
  const std::filesystem::path folder_;
  std::map<std::string, script::Bundle> bundles_;
};

class WorkerSeat {
 public:
  // `handlers.died` is called when the process is gone and forgotten here. The shelf outlives us.
  WorkerSeat(boost::asio::any_io_executor executor, std::filesystem::path libexec,
             BundleShelf& shelf, script::WorkerHandlers handlers);
  WorkerSeat(const WorkerSeat&) = delete;
  WorkerSeat& operator=(const WorkerSeat&) = delete;

  // See WorkerHost for these.
  Task<> ensure_started();
  Task<Result<script::ActivationOutcome>> activate(history::Activation activation);
  void evict(const history::RunId& run);
  void rest(const history::RunId& run);
  Task<> stop();

  bool is_up() const { return worker_ != nullptr; }

  // What the contexts take up, and the one that has rested longest; nullptr if none rests.
  std::size_t bytes() const { return heaps_bytes_; }
  const history::RunId* first_to_give_up() const;

 private:
  Result<void> load(const std::string& hash);
  void forget(const history::RunId& run);
  void died(const std::string& message);

  const boost::asio::any_io_executor executor_;
  const std::filesystem::path libexec_;
  BundleShelf& shelf_;
  const script::WorkerHandlers handlers_;

  std::unique_ptr<script::Worker> worker_;
  std::vector<std::unique_ptr<script::Worker>> dead_;  // until they are joined in stop()
  std::set<std::string> loaded_;                       // hashes the present worker has
  std::map<history::RunId, std::size_t> heaps_;        // of the present worker's contexts
  std::size_t heaps_bytes_ = 0;
  std::list<history::RunId> resting_;  // the one that has rested longest first
  std::map<history::RunId, std::list<history::RunId>::iterator> resting_at_;
  std::size_t lives_ = 0;  // deaths so far: tells an answer of a former process
  bool starting_ = false;
  Wakeup started_;
};

}  // namespace agentcmd::runtime
