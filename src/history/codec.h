#pragma once
// How an event is written: its kind, a small JSON object with its fields, and at most one payload
// (the user's JSON, or a long text), kept apart so that it stays as it came and can move to the
// blob store.

#include "history/event.h"

#include <string>
#include <string_view>

namespace agentcmd::history {

struct EncodedDetail {
  std::string_view kind;  // "StepCompleted"; points to static storage
  std::string fields;     // JSON object
  std::string payload;    // JSON text; empty where the kind has none
};

std::string_view kind_of(const Detail& detail);

EncodedDetail encode(const Detail& detail);

// Throws Fault for an unknown kind (written by a newer version) or fields that do not fit.
Detail decode(std::string_view kind, std::string_view fields, std::string payload);

// For people and --json: {"seq", "at", "kind", fields..., and the payload parsed under its own
// name}.
Json to_json(const Event& event);

}  // namespace agentcmd::history
