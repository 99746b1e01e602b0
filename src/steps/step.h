#pragma once
// A step type: input → process, git or file work → output. A file here for each type, one row each
// in registry.cc. A step that ends badly in the way that its users expect (a command that exits 1)
// is a completed step whose result has success: false; an attempt that could not be made, or whose
// result cannot be had, failed, and its error is thrown into the workflow.

#include "async/blocking.h"
#include "async/stop.h"
#include "async/task.h"
#include "base/secret.h"
#include "gateway/model_access.h"
#include "history/event.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agentcmd::steps {

// What a step may know about its run. Copied into each attempt.
struct RunContext {
  history::RunId run;
  std::string name;                        // of the run, for commit messages
  std::filesystem::path project;           // the user's checkout
  std::filesystem::path working_dir;       // where the run works: project or worktree
  std::filesystem::path run_dir;           // <project>/.agent/workflows/executions/<run>
  std::filesystem::path libexec;           // agentcmd-supervise and friends
  std::map<std::string, std::string> env;  // for host steps: ours, less our own keys and tokens
  std::string agents_override;             // "scripted:FILE" of --agents; empty without
  Json request;                 // of RunCreated: mode, branchName, baseBranch, preserve, …
  std::vector<Secret> secrets;  // known values, redacted in what a step records
  gateway::ModelAccess models;  // for step.ai
};

// What was left of an attempt that a former driver began. Its process, if it had one, is looked for
// in attempt_dir().
struct Recovery {
  std::optional<JsonText> checkpoint;  // the last one recorded
};

struct Step {
  RunContext run;
  history::StepKey key;
  std::string type;
  std::string name;
  std::string phase;
  std::uint32_t attempt = 1;
  JsonText input;                    // what the SDK sent: the step's config, and its "options"
  std::optional<Recovery> recovery;  // set: go on with this attempt; unset: make a fresh one
  // The attempt before this one was lost while it ran; its last checkpoint (an agent's session).
  std::optional<JsonText> lost_checkpoint;

  // <run_dir>/logs/<key with '/' as "__">/<attempt>
  std::filesystem::path attempt_dir() const;
};

// The name of a step's folder below logs/ and artifacts/: its key, with "__" for each '/'.
std::string folder_name(const history::StepKey& key);

// What a running step asks people.
struct Question {
  history::StepKey gate;  // of the step and attempt; the same again after a driver's death
  std::string name;
  JsonText said;                         // as in history::GateOpened
  std::chrono::milliseconds timeout{0};  // 0: none
};

// What a running step may ask of its driver. Outlives the step.
class StepHost {
 public:
  virtual ~StepHost() = default;
  StepHost(const StepHost&) = delete;
  StepHost& operator=(const StepHost&) = delete;

  virtual boost::asio::any_io_executor executor() = 0;
  virtual BlockingPool& pool() = 0;

  // Durable upon return (StepCheckpoint).
  virtual Task<> checkpoint(const Step& step, JsonText data) = 0;

  // Recorded and shown soon: Logged, Annotated or RunUpdated.
  virtual void note(const Step& step, history::Detail detail) = 0;

  // Opens a gate that belongs to the attempt, if it is not open or answered already.
  virtual void ask(const Step& step, Question question) = 0;
  // The answer to such a gate, once it is durable.
  virtual std::optional<history::GateDecided> answer(const Step& step,
                                                     const history::StepKey& gate) const = 0;
  // Nobody need answer it any more.
  virtual void withdraw_question(const Step& step, const history::StepKey& gate) = 0;
  // Rules that people have given with their answers, for all steps of the run.
  virtual std::vector<std::string> allowed_in_run() const = 0;
  // How much is recorded of the run, and a wait for more than that: for answers.
  virtual std::uint64_t recorded() const = 0;
  virtual Task<> recorded_after(std::uint64_t seen) = 0;

  // Whether anybody is shown output; else it need not be made.
  virtual bool has_audience() const { return true; }
  // Live output for whoever watches: a line or a chunk of "stdout", "stderr", or "agent" (a
  // rendered message).
  virtual void output(const Step& step, std::string_view stream, std::string_view text) = 0;

 protected:
  StepHost() = default;
};

struct Completed {
  bool success = true;
  JsonText output;  // the SDK's result shape
};
struct Failed {
  history::Failure failure;
};
struct TimedOut {
  history::Failure failure;
};
struct Cancelled {};
// Neither process nor result is left of the attempt that was to be recovered.
struct Lost {
  std::string reason;
};

struct Outcome {
  std::variant<Completed, Failed, TimedOut, Cancelled, Lost> what;
  // Recorded in the same commit, before the end: Annotated, Logged, RunUpdated.
  std::vector<history::Detail> notes;
};

// Runs (or recovers) one attempt. Faults and Bugs that leave it are caught by the step border in
// runtime/ and become Failed.
using StepFunction = Task<Outcome> (*)(StepHost& host, Step step, StopSource& stop);

// The outcome of an attempt that has nothing to do in the world but to look, and none of what it
// could do is left undone; nothing where there is more to it. May be called before the attempt's
// start is on disk. Blocks for a few looks at files.
using LookFunction = std::optional<Outcome> (*)(const Step& step);

// What a lost attempt leads to (design: onLost).
enum class OnLost { retry, resume, probe, ask, fail };
std::string_view to_string(OnLost policy);
std::optional<OnLost> on_lost_from(std::string_view text);

struct StepType {
  std::string_view name;  // "cli"
  StepFunction run;
  std::chrono::milliseconds timeout;  // default of an attempt
  OnLost on_lost;
  enum class Slot { none, agent, command } slot;  // which limit of the driver it counts against
  LookFunction look = nullptr;                    // nullptr: there is always more to it
};

// nullptr for an unknown type. Closures (type "run") are not here: they run in the worker.
const StepType* find_step_type(std::string_view name);

}  // namespace agentcmd::steps
