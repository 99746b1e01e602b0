#pragma once
// What a run asks of its driver about the runs around it: its children (step.invoke), and those
// that wait for an event that it has sent. A child is a run like any other, with a history of its
// own; it is created in the same commit that says so in its parent's (StepCheckpoint), and its end
// is looked up in its history, so that neither needs the other to be there.

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "history/event.h"
#include "store/history_log.h"

#include <cstdint>
#include <optional>
#include <string>

namespace agentcmd::runtime {

// What step.invoke asks for, and who asks.
struct Invocation {
  history::RunId parent;
  history::StepKey key;
  std::string project;
  std::string workflow;  // id
  JsonText args;
  std::string name;    // for people; empty: the workflow's
  std::string agents;  // the parent's --agents
  // Where the child works: in this folder, or, where it is empty, in a workspace of its own.
  std::string within;
  std::string mode;  // of a workspace of its own
};

// How a child came to its end: RunCompleted, RunFailed or RunCancelled.
struct ChildEnd {
  history::Detail how;
  Time at;
};

// A run that waits for a person: for the end of a pause, else for the answer to a gate.
struct Held {
  bool paused = false;
  std::string why;
};

class Family {
 public:
  virtual ~Family() = default;
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // The child's first append, owned by this driver; nothing is created. invalid_argument or
  // not_found where there is no such workflow, or where it does not take these arguments;
  // resource_exhausted where runs invoke each other too deeply.
  virtual Task<Result<store::RunAppend>> prepare_child(Invocation invocation) = 0;

  // It has been created: from here on this driver drives it.
  virtual void child_created(const store::RunAppend& child) = 0;

  // After a restart: the child is driven, by us where nobody does.
  virtual Task<> look_after(history::RunId child) = 0;

  // Nothing while it has not ended. Something that happened to a child is told to its parent by
  // RunActor::child_news().
  virtual Task<std::optional<ChildEnd>> end_of(history::RunId child) = 0;

  // Nothing where the child waits for no person.
  virtual std::optional<Held> held(const history::RunId& child) const = 0;

  // Durable upon return. Asking again is harmless, unless `force` says to end it without waiting
  // for its clean-up.
  virtual Task<> cancel_child(history::RunId child, std::string by, bool force) = 0;

  // There are new events of a project.
  virtual void events_sent() = 0;

 protected:
  Family() = default;
};

}  // namespace agentcmd::runtime
