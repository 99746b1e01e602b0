#pragma once
// The vocabulary of durability. A run is the list of its events and nothing else: every table, page
// and count is derived from this list and can be rebuilt from it.
//
// Invariants, asserted at commit and again at load (history.h):
//   (1) sequence numbers of a run are dense and start at 1;
//   (2) an event is never changed once committed;
//   (3) the first event is RunCreated, and nothing follows an end (RunCompleted, RunFailed,
//   RunCancelled);
//   (4) every StepStarted names a step that was scheduled and has not ended.

#include "base/clock.h"
#include "base/json.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace agentcmd::history {

struct RunId {
  std::string text;
  auto operator<=>(const RunId&) const = default;
};

// Phase path, '/', slug of the step's id; "#n" for the n-th repeat. Unique within a run.
struct StepKey {
  std::string text;
  auto operator<=>(const StepKey&) const = default;
};

// Why something ended badly, as data: it is stored, shown, and thrown into the workflow.
struct Failure {
  std::string name;     // of the JavaScript error: "Error", "TimeoutError", "CancelledError", ...
  std::string message;  // for the user
  std::string stack;    // mapped to the TypeScript source; empty where there is none
  bool final = false;   // another attempt would fail in the same way (NonRetryableError)
  std::uint64_t retry_after = 0;  // milliseconds that the error asks to wait; 0: as the policy says
  // Which timeout it was: "queue", "attempt", "total", "silence" (of a step), "run"; else empty.
  std::string timeout;
  bool operator==(const Failure&) const = default;
};

// --- The run.

struct RunCreated {
  std::string definition;     // id of the workflow
  std::string file;           // its source, relative to the project
  std::string code_hash;      // of the bundle that the run is pinned to
  std::string project;        // absolute path
  std::string name;           // for people
  std::uint64_t timeout = 0;  // milliseconds of the whole run, pauses left out; 0: none
  std::uint64_t seed = 0;     // of the body's Math.random
  // What started it: "user", "event" (of the id `cause`), "schedule" (of the name `cause`),
  // "invoke" (by the run `parent`), "retry" or "fork" (of the run `forked_from`).
  std::string origin;
  std::string cause;
  std::string parent;
  std::string parent_key;   // of the invoke step
  std::string forked_from;  // its MemoImported follows
  std::string forked_at;  // key of the first step that is done anew; empty: what had not succeeded
  std::string flow;       // what it must have a place in before it starts (flow.h)
  // Everything else that the run was asked for, as event.data shows it to the workflow: args, mode,
  // branchName, baseBranch, preserve, spec*, and `agents` (the override of --agents).
  JsonText request;
  bool operator==(const RunCreated&) const = default;
};

struct RunStarted {
  bool operator==(const RunStarted&) const = default;
};

struct RunCompleted {
  JsonText result;  // what the workflow returned; "null" for undefined
  bool operator==(const RunCompleted&) const = default;
};

struct RunFailed {
  Failure failure;
  bool operator==(const RunFailed&) const = default;
};

struct RunCancelRequested {
  std::string by;        // "Ctrl-C", "runs cancel", "timeout"
  bool timeout = false;  // the run's own (RunCreated): it then fails, and is not cancelled
  bool operator==(const RunCancelRequested&) const = default;
};

struct RunCancelled {
  bool operator==(const RunCancelled&) const = default;
};

// `detail` is an object for `runs why`: for "nondeterminism" expected and found, for "lost" the
// step.
struct RunPaused {
  std::string reason;   // "asked", "nondeterminism", "lost", "limit", "worker"
  std::string message;  // for the user: what happened and what to do
  JsonText detail;
  bool operator==(const RunPaused&) const = default;
};

struct RunResumed {
  std::string by;
  std::string code_hash;  // the pin from here on
  bool operator==(const RunResumed&) const = default;
};

// --- Steps. A step has attempts, counted from 1.

struct StepScheduled {
  StepKey key;
  std::string type;   // "cli", "agent", "run", ...
  std::string name;   // as the user wrote the id
  std::string phase;  // path of phase ids joined by '/', empty outside phases
  JsonText input;
  bool operator==(const StepScheduled&) const = default;
};

struct StepStarted {
  StepKey key;
  std::uint32_t attempt = 1;
  bool operator==(const StepStarted&) const = default;
};

// Something about a running attempt that must survive it, as members of `data` that replace those
// of the same name: an agent's session id, a chosen worktree, the child of an invoke, `progress` of
// a closure, `snapshot` (commit of the files before the attempt).
struct StepCheckpoint {
  StepKey key;
  std::uint32_t attempt = 1;
  JsonText data;
  bool operator==(const StepCheckpoint&) const = default;
};

struct StepCompleted {
  StepKey key;
  std::uint32_t attempt = 1;
  bool success =
      true;  // the result's `success`: false is a value for the workflow, not an exception
  JsonText output;
  bool imported = false;  // taken from the memo (MemoImported), nothing was done
  bool operator==(const StepCompleted&) const = default;
};

// The attempt threw. With `retry` the step goes on to its next attempt, at `retry_at`, or when the
// run is resumed where that is not set; else the error is thrown into the workflow.
struct StepFailed {
  StepKey key;
  std::uint32_t attempt = 1;
  Failure failure;
  bool retry = false;
  Time retry_at;
  bool operator==(const StepFailed&) const = default;
};

struct StepTimedOut {
  StepKey key;
  std::uint32_t attempt = 1;
  Failure failure;
  bool operator==(const StepTimedOut&) const = default;
};

struct StepCancelled {
  StepKey key;
  bool operator==(const StepCancelled&) const = default;
};

// The attempt was running when its driver died, and neither its process nor its result is left.
struct StepLost {
  StepKey key;
  std::uint32_t attempt = 1;
  std::string reason;  // what was looked for and not found
  std::string policy;  // what is done about it: "retry", "resume", "probe", "ask", "fail"
  bool operator==(const StepLost&) const = default;
};

// --- Timers (step.sleep, step.sleepUntil, setTimeout).

struct TimerStarted {
  StepKey key;
  std::string name;
  std::string phase;
  Time fire_at;
  bool operator==(const TimerStarted&) const = default;
};

struct TimerFired {
  StepKey key;
  bool operator==(const TimerFired&) const = default;
};

struct TimerCancelled {
  StepKey key;
  bool operator==(const TimerCancelled&) const = default;
};

// --- Events from outside (step.waitForEvent). Those of the run's project that a wait may want are
// recorded here, in the order in which the code is told of them; which wait takes which is decided
// by the code (a condition may be a function), and what no wait takes is kept for later ones.

struct EventReceived {
  std::string event;  // id
  std::string name;
  std::string wait;  // key of the only wait that it is for; empty: for any
  Time sent_at;
  JsonText data;
  bool operator==(const EventReceived&) const = default;
};

struct WaitStarted {
  StepKey key;
  std::string name;
  std::string phase;
  std::string event;  // name of the event
  Time timeout_at;    // the epoch: waits for ever
  bool operator==(const WaitStarted&) const = default;
};

struct WaitMatched {
  StepKey key;
  std::string event;  // id
  bool operator==(const WaitMatched&) const = default;
};

struct WaitTimedOut {
  StepKey key;
  bool operator==(const WaitTimedOut&) const = default;
};

struct WaitCancelled {
  StepKey key;
  bool operator==(const WaitCancelled&) const = default;
};

// --- Gates: a person decides. They are asked for by the code (step.approve), or by a step that
// runs: then `step` names it, the code neither knows of them nor hears of the answer, and they are
// over with its attempt.

// The option that answers all further questions of the run that are like this one.
inline constexpr std::string_view gate_option_for_run = "allow for the run";

struct GateOpened {
  StepKey key;
  std::string name;
  std::string phase;
  Time timeout_at;  // the epoch: waits for ever
  StepKey step;
  // {title, body?, options: [text, …], default?: one of them}; of a step also what it asks about:
  // {kind, tool, input, rule?: what "allow for the run" allows}
  JsonText gate;
  bool operator==(const GateOpened&) const = default;
};

struct GateDecided {
  StepKey key;
  bool approved = false;
  bool timed_out = false;  // nobody decided in time
  std::string option;
  std::string by;
  std::string reason;
  StepKey step;
  std::string input;  // JSON: the step's input, changed by whoever decided; empty: as it was
  bool operator==(const GateDecided&) const = default;
};

struct GateCancelled {
  StepKey key;
  bool operator==(const GateCancelled&) const = default;
};

// --- Retry and fork: what a former run has found out. Steps, gates and waits of the memo are over
// as soon as the code asks for them; its timers have fired.

struct MemoImported {
  std::string from;  // run
  JsonText memo;     // engine/memo.h
  bool operator==(const MemoImported&) const = default;
};

// --- Notes: shown, never matched in a replay.

// step.patched(id) said true: runs that came by before the change say false.
struct PatchMarked {
  std::string id;
  bool operator==(const PatchMarked&) const = default;
};

struct PhaseStarted {
  std::string phase;  // path
  std::string label;
  bool operator==(const PhaseStarted&) const = default;
};

struct PhaseCompleted {
  std::string phase;
  bool operator==(const PhaseCompleted&) const = default;
};

struct PhaseFailed {
  std::string phase;
  std::string message;
  bool operator==(const PhaseFailed&) const = default;
};

struct Annotated {
  StepKey key;
  std::string phase;
  std::string message;
  bool operator==(const Annotated&) const = default;
};

struct Logged {
  std::string level;  // "info", "warn", "error"
  std::string phase;
  std::string message;
  bool operator==(const Logged&) const = default;
};

// Facts about the run that the workflow or a step set: pr_url, branch, worktree, working_dir.
struct RunUpdated {
  JsonText fields;
  bool operator==(const RunUpdated&) const = default;
};

using Detail =
    std::variant<RunCreated, RunStarted, RunCompleted, RunFailed, RunCancelRequested, RunCancelled,
                 RunPaused, RunResumed, StepScheduled, StepStarted, StepCheckpoint, StepCompleted,
                 StepFailed, StepTimedOut, StepCancelled, StepLost, TimerStarted, TimerFired,
                 TimerCancelled, PhaseStarted, PhaseCompleted, PhaseFailed, Annotated, Logged,
                 RunUpdated, EventReceived, WaitStarted, WaitMatched, WaitTimedOut, WaitCancelled,
                 GateOpened, GateDecided, GateCancelled, MemoImported, PatchMarked>;

// Version of the engine's own meaning that an event was written under; old runs keep theirs.
inline constexpr std::uint32_t engine_flags = 0;

struct Event {
  std::uint64_t seq = 0;
  Time at;
  Detail detail;
  std::uint32_t flags = engine_flags;
  bool operator==(const Event&) const = default;
};

}  // namespace agentcmd::history
