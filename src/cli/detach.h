#pragma once
// --detach: the run is executed by a copy of this program in a session of its own, and the command
// returns as soon as the run is recorded. The copy writes to a log file from the start, so that no
// process below it holds the caller's pipes; only what it has to say before the run exists goes to
// the caller's streams.

#include "base/json.h"
#include "cli/output.h"
#include "history/event.h"
#include "store/home.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::cli {

// In the caller: starts the copy with the same words, waits for its report, prints it, and says how
// to exit.
int run_detached(Output& output, const std::vector<std::string>& words, bool json);

// In the copy.
class DetachedReport {
 public:
  // Nothing when this process is not such a copy. To be called once, before anything is opened.
  static std::optional<DetachedReport> take_from_environment();

  // The caller's streams, for what is said before the run exists. Descriptors 1 and 2 lead to a log
  // in the home from here on. Throws Fault.
  Output divert(const store::Home& home);

  // Nothing was started, and the caller has been told why: no log is left.
  void discard_log();

  // The run exists: the caller may go. What follows goes to the run's log.
  void recorded(const history::RunId& run, Output& output);

 private:
  explicit DetachedReport(int pipe) : pipe_(pipe) {}

  int pipe_;
  std::filesystem::path logs_;
  std::filesystem::path log_;  // empty once it is the run's
};

// Where a run without terminal writes.
std::filesystem::path log_file(const store::Home& home, const history::RunId& run);

}  // namespace agentcmd::cli
