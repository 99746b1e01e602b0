#pragma once
// What the children of a run wait a person for, down to the last one: a run that waits for a child
// has nothing else to tell whoever asks what to do.

#include "async/task.h"
#include "cli/waiting.h"
#include "store/store.h"

namespace agentcmd::cli {

// `waiting` is of the run.
Task<ChildWaits> child_waits(store::Store& store, Waiting waiting);

}  // namespace agentcmd::cli
