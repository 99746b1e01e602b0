#pragma once
// The conversation with a workflow worker. An activation says what happened; each job is one event
// of the history, applied alone and in order, with a full drain of the promise queue after it. The
// completion says what the code wants next. How both look on the wire: script/protocol.md.

#include "history/command.h"
#include "history/event.h"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace agentcmd::history {

struct StartJob {
  RunId run;  // also in a replay, whatever the context is called; empty: the code is not told
  std::string run_name;
  std::string project;
  std::uint64_t seed = 0;
  JsonText request;  // of RunCreated
};
struct StepResolvedJob {
  StepKey key;
  JsonText output;
};
struct StepRejectedJob {
  StepKey key;
  Failure failure;
};
struct TimerFiredJob {
  StepKey key;
};
struct CancelJob {
  std::string reason;
  bool timeout = false;  // the run's own: it fails
};
struct EventJob {
  std::string event;  // id
  std::string name;
  std::string wait;  // key of the only wait that it is for; empty: for any
  Time sent_at;
  JsonText data;
};
struct WaitTimedOutJob {
  StepKey key;
};
struct GateDecidedJob {
  StepKey key;
  bool approved = false;
  bool timed_out = false;
  std::string option;
  std::string by;
  std::string reason;
};
// Run the closure of a step.run that is already scheduled, again: after a loss, or for a retry. Not
// an event for the body.
struct RunClosureJob {
  StepKey key;
  std::uint32_t attempt = 1;
  JsonText progress = {"null"};  // what the attempt before said last
};
// Run the probe of a step whose attempt was lost. Not an event for the body either.
struct ProbeJob {
  StepKey key;
  std::uint32_t attempt = 1;  // the lost one
};

struct Job {
  Time at;  // the body's `now` while it is applied
  std::variant<StartJob, StepResolvedJob, StepRejectedJob, TimerFiredJob, CancelJob, EventJob,
               WaitTimedOutJob, GateDecidedJob, RunClosureJob, ProbeJob>
      what;
};

struct Activation {
  RunId run;
  std::string code_hash;
  bool replaying = false;  // the commands are recorded already: run no closure, keep no note
  bool locate = false;  // of a replay: commands say where the code asked for them, which takes long
  std::vector<Job> jobs;
  // So many rounds more may the worker add to its answer, each to the results of closures that had
  // no effect and did not throw: what happened next, as long as nothing else happened.
  unsigned ahead = 0;
  Time now;                          // of those results
  std::vector<std::string> patches;  // of a replay: the ids that PatchMarked names
  // Of the first one that makes a context: keys of closures that need not begin, since the run's
  // memo has their results.
  std::vector<std::string> known;
};

// A closure (step.run, or a probe) that ended within the activation or between two.
struct ClosureEnd {
  StepKey key;
  std::uint32_t attempt = 1;
  bool probe = false;  // output: {"done", "success"?, "output"?: JSON text}
  bool threw = false;
  JsonText output;  // valid when it did not throw
  Failure failure;  // valid when it did
};

// What the code wants next.
struct Round {
  std::vector<Command> commands;
  // Closures started by these very commands that ended without a host effect: scheduled, started
  // and completed in one commit.
  std::vector<ClosureEnd> closures;
};

struct Completion {
  RunId run;
  std::vector<Command> commands;
  std::vector<ClosureEnd> closures;
  // As far as Activation::ahead allows: each is the answer to the results of the closures of the
  // round before, which have been told to the code already, in their order, as of the activation's
  // `now`.
  std::vector<Round> more;
  std::size_t heap = 0;  // bytes that the run's context takes up in the worker, estimated
};

}  // namespace agentcmd::history
