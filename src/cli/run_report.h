#pragma once
// A run told in Markdown, fit for the body of a pull request: what was asked, what changed, which
// commands agentcmd itself ran and how they ended, what was asked of whom, what it took. Pure.

#include "history/event.h"

#include <string>
#include <vector>

namespace agentcmd::cli {

// `events` is the run's history so far.
std::string run_report(const history::RunId& run, const std::vector<history::Event>& events);

}  // namespace agentcmd::cli
