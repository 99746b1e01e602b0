#pragma once
// Whoever watches a run in this process: it is told what was committed, and how it ended.

#include "async/task.h"
#include "cli/output.h"
#include "cli/run_facts.h"
#include "cli/summary.h"
#include "runtime/driver.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::cli {

// What is committed is always shown, and the ending. Output of steps is left out while the reader
// of stdout stands still and much is kept for it already (Output::has_room); then it says how much.
// Of the driver's other runs, children of this one, nothing is shown.
class RunView : public runtime::Observer {
 public:
  void committed(const history::RunId& run, const history::Event& event) final;
  void queued(const history::RunId& run, std::size_t position, const std::string& reason) final;
  void output(const history::RunId& run, const history::StepKey& step, std::string_view stream,
              std::string_view text) final;

  // Before the first event of this process; `past` is what was committed earlier.
  void begin(const history::RunId& run, const std::vector<history::Event>& past);
  // Something about the run that is no event: how to stop it, that it was detached.
  virtual void notice(std::string_view text) = 0;
  // What the run's children wait for, for the ending.
  void know_children(ChildWaits children) { facts_.waiting.children = std::move(children); }
  // How it ended; nothing follows.
  void finish(const Ending& ending);
  // It ended without an ending: the error is said by whoever calls this.
  virtual void close() = 0;
  // The terminal is gone or given up; what follows goes to a file.
  virtual void detached() = 0;
  // Shows a question and waits below it, with nothing that moves, until asked().
  virtual void ask(const OpenGate& gate) = 0;
  virtual void asked() = 0;
  // Called with each event, when it has been shown.
  void on_event(std::function<void(const history::Event&)> listener) {
    listener_ = std::move(listener);
  }
  // Keeps what moves on the screen moving, until it is cancelled.
  virtual Task<> animate() = 0;

  const RunFacts& facts() const { return facts_; }

 protected:
  explicit RunView(Output& output) : output_(output) {}

  virtual void begun(const history::RunId& run, const std::vector<history::Event>& past) = 0;
  virtual void shown(const history::RunId& run, const history::Event& event) = 0;
  virtual void shown_output(const history::RunId& run, const history::StepKey& step,
                            std::string_view stream, std::string_view text) = 0;
  virtual void ended(const Ending& ending) = 0;
  // The run waits for a place.
  virtual void held_up(const history::RunId& run, std::size_t position,
                       const std::string& reason) = 0;
  // Output of this step is left out from here on.
  virtual void cut(const history::StepKey& step) = 0;
  // So many bytes of output were left out until now.
  virtual void left_out(const history::RunId& run, std::size_t bytes) = 0;

  Output& output_;

 private:
  void mention_left_out(const history::RunId& run);

  bool is_ours(const history::RunId& run);

  history::RunId run_;  // empty until something is known of it
  RunFacts facts_;
  std::function<void(const history::Event&)> listener_;
  std::size_t left_out_ = 0;  // bytes, not mentioned yet
};

// "… 4096 bytes not shown; see agentcmd runs logs r1"
std::string left_out_note(const history::RunId& run, std::size_t bytes);

enum class ViewKind { people, quiet, json, quiet_json };

std::unique_ptr<RunView> make_run_view(ViewKind kind, Output& output, const Clock& clock);

// The last line of `run --json`, and what `runs show --json` begins with.
std::string result_line(const Ending& ending, const RunFacts& facts);

}  // namespace agentcmd::cli
