#pragma once
// When the files of a run are kept (workspace/snapshot.h): before the first attempt of each step
// that can change them, so that a fork of the run can begin there. Later attempts share what was
// kept for the first. A snapshot that cannot be taken is noted and fails nothing.

#include "async/task.h"
#include "async/wakeup.h"
#include "base/json.h"
#include "history/event.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::runtime {

class Machine;

// In which workspaces snapshots are taken (setting `snapshots`).
enum class SnapshotPolicy { worktree, always, never };
std::string_view to_string(SnapshotPolicy policy);
std::optional<SnapshotPolicy> snapshot_policy_from(std::string_view name);

// Member of a step's checkpoint: the commit, or null where the snapshot could not be taken. Beside
// it, "leftOut" names files that are not in it.
inline constexpr std::string_view snapshot_member = "snapshot";

// The snapshots of one run. One thread: the loop's.
class RunSnapshots {
 public:
  RunSnapshots(boost::asio::any_io_executor executor, Machine& machine, history::RunId run,
               SnapshotPolicy policy);

  // Whether the files are kept before a step of this type in a workspace of this mode ("" before
  // there is one).
  bool wanted(std::string_view type, std::string_view mode) const;

  struct Taken {
    JsonText checkpoint;         // of the step
    std::string warning;         // for the user; empty when all is in it, or was said before
    bool no_repository = false;  // nor, perhaps, a folder: what the warning is about
  };
  // Takes one for the step; nothing where that was done before, or is being done: then it is waited
  // for. Callers of one turn of the loop share one.
  Task<std::optional<Taken>> take(history::StepKey step, std::filesystem::path folder);

 private:
  struct Request {
    std::filesystem::path folder;
    std::optional<Taken> taken;
  };
  struct UnderWay;
  struct Working;
  Task<> work_off();
  Task<Taken> take_for(std::vector<std::string> steps, std::filesystem::path folder);
  std::string said_once(std::string warning);

  // Constant after construction.
  boost::asio::any_io_executor executor_;
  Machine& machine_;
  const history::RunId run_;
  const SnapshotPolicy policy_;

  std::map<history::StepKey, std::shared_ptr<Request>> waiting_;
  std::set<history::StepKey> under_way_;
  std::set<history::StepKey> done_;
  bool working_ = false;
  std::string last_warning_;
  Wakeup changed_;
};

}  // namespace agentcmd::runtime
