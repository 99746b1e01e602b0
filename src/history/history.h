#pragma once
// The invariants of event.h, as a check that runs at commit and at load.

#include "history/event.h"

#include <span>

namespace agentcmd::history {

bool is_end(const Detail& detail);

// Throws Fault naming the invariant and the sequence number where `events` breaks it. `events` is a
// whole history, oldest first.
void check_history(std::span<const Event> events);

}  // namespace agentcmd::history
