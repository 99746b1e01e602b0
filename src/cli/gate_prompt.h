#pragma once
// Asks a run's gates on the terminal, one after another, whenever no step of the run is under way.
// The answer goes the way of every answer, as a durable request, so that it is as good as one from
// another terminal. A gate that is decided elsewhere, or by its time, takes its question with it.

#include "async/task.h"
#include "async/wakeup.h"
#include "cli/gate_answer.h"
#include "cli/run_view.h"
#include "cli/services.h"

#include <optional>
#include <set>
#include <string>

namespace agentcmd::cli {

class GatePrompt {
 public:
  // `view` shows the questions and knows what is open.
  GatePrompt(Services& services, RunView& view, history::RunId run);

  // Asks until it is cancelled, or a question is taken back.
  Task<> ask();

  // Something was committed: what is asked, or could be, may have changed.
  void look() { changed_.notify(); }
  // Ctrl-C, or the end of input: the gate stays open, and nothing more is asked.
  void take_back();
  // The terminal is gone: nothing more is asked, and the run goes on without us.
  void retire();

  bool is_asking() const { return asking_ && !retired_; }
  bool is_taken_back() const { return taken_back_; }

 private:
  const OpenGate* next() const;
  Task<> ask_one(OpenGate gate);
  struct Typed {
    std::optional<std::string> line;  // nothing at the end of input
    bool terminal_gone = false;
  };
  Task<Typed> read_line();
  Task<> closed(history::StepKey gate);

  Services& services_;
  RunView& view_;
  const history::RunId run_;
  std::set<history::StepKey> answered_;  // by us; their decision is on its way
  bool asking_ = false;
  bool taken_back_ = false;
  bool retired_ = false;
  Wakeup changed_;
};

}  // namespace agentcmd::cli
