#pragma once
// A run's whole history as one JSON document that can be read back without loss, by this version
// and every later one: for tests, for a replay elsewhere, for whoever looks into a run.
//
//   {"format": "agentcmd-history", "version": 1, "run", "definition", "file", "code_hash",
//    "events": [{"seq", "at", "kind", "flags"?, "fields": {…}, "payload"?}, …],
//    "bundle"?: {"hash", "file", "code", "map"}}
//
// `at` is in milliseconds. `fields` and `payload` are as codec.h writes them; the payload, JSON of
// the user's, is a string, so that nobody on the way parses and prints it. `code_hash` is what the
// run is pinned to at its last event.

#include "base/result.h"
#include "history/event.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::history {

// The code of a run, as script/bundle.h has it.
struct ExportedBundle {
  std::string hash;
  std::string file;
  std::string code;
  std::string map;
  bool operator==(const ExportedBundle&) const = default;
};

struct ExportedRun {
  RunId run;
  std::vector<Event> events;
  std::optional<ExportedBundle> bundle;
  bool operator==(const ExportedRun&) const = default;
};

// Code that the run is pinned to after `events`, a whole history.
std::string pin_of(const std::vector<Event>& events);

std::string export_text(const ExportedRun& run);

// `what` names the text in messages: the file. Errors: no JSON, no such document, one of a later
// version. Throws Fault where the history in it breaks an invariant of event.h or has an event that
// this version does not know.
Result<ExportedRun> read_export(std::string_view text, std::string_view what);

}  // namespace agentcmd::history
