#pragma once
// Whoever watches a run in this process: it is told what was committed, and how it ended.

#include "async/task.h"
#include "cli/output.h"
#include "cli/run_facts.h"
#include "cli/summary.h"
#include "runtime/driver.h"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string_view>

namespace agentcmd::cli {

class RunView : public runtime::Observer {
 public:
  void committed(const history::RunId& run, const history::Event& event) final;

  // Before the first event of this process; `past` is what was committed earlier.
  void begin(const history::RunId& run, const std::vector<history::Event>& past);
  // Something about the run that is no event: how to stop it, that it was detached.
  virtual void notice(std::string_view text) = 0;
  // How it ended; nothing follows.
  virtual void finish(const Ending& ending) = 0;
  // It ended without an ending: the error is said by whoever calls this.
  virtual void close() = 0;
  // The terminal is gone or given up; what follows goes to a file.
  virtual void detached() = 0;
  // Keeps what moves on the screen moving, until it is cancelled.
  virtual Task<> animate() = 0;

  const RunFacts& facts() const { return facts_; }

 protected:
  virtual void begun(const history::RunId& run, const std::vector<history::Event>& past) = 0;
  virtual void shown(const history::RunId& run, const history::Event& event) = 0;

 private:
  RunFacts facts_;
};

enum class ViewKind { people, quiet, json, quiet_json };

std::unique_ptr<RunView> make_run_view(ViewKind kind, Output& output, const Clock& clock);

// The last line of `run --json`, and what `runs show --json` begins with.
std::string result_line(const Ending& ending, const RunFacts& facts);

}  // namespace agentcmd::cli
