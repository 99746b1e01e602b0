#pragma once
// The answer to a gate, as it is typed: as flags of `approve` and `deny`, or as one line where a
// terminal asks. Pure.

#include "base/result.h"
#include "cli/style.h"
#include "cli/waiting.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::cli {

struct GateAnswer {
  bool approved = false;
  std::string option;
  std::string reason;
  std::string input = {};  // JSON: members of the asking tool's input that are to be others
  bool operator==(const GateAnswer&) const = default;
};

// The gate that `step` names: its key, the end of one after a '/', or its id; where it is empty,
// the only one that is open. Errors name those that are open.
Result<OpenGate> find_gate(const Waiting& waiting, std::string_view step);

// Whether the gate has this answer. An approval names one of the gate's options where it has
// several.
Result<GateAnswer> check_answer(const OpenGate& gate, GateAnswer answer);

// What a request of kind "gate" says (store/requests.h).
Json gate_request(const OpenGate& gate, const std::string& by, const GateAnswer& answer);

// The question as lines, and the last one, which is answered behind it.
std::vector<std::string> question_lines(const OpenGate& gate, const Style& style);
std::string question_prompt(const OpenGate& gate);

// "y", "n", the number or the text of an option, each with a reason behind it if one is given:
// "n not on a Friday". Nothing where it is none of these.
std::optional<GateAnswer> parse_answer(const OpenGate& gate, std::string_view line);

}  // namespace agentcmd::cli
