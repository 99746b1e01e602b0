#pragma once
// What a run was promised and what it keeps others from: decided when it is created, from its
// definition and its arguments, and recorded with it (RunCreated::flow), so that who may start is
// decided without loading any code.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::history {

// Runs of which only so many go on at once.
struct FlowGroup {
  std::string id;     // the same for all of them, in the whole home
  std::string label;  // for people: "runs of 'deploy' with key 'prod'"
  std::uint32_t limit = 1;
  bool operator==(const FlowGroup&) const = default;
};

struct Flow {
  std::vector<FlowGroup> groups;  // the run needs a place in each of them
  std::int32_t priority = 0;      // among the waiting runs of its project the highest comes first
  bool operator==(const Flow&) const = default;
};

// As RunCreated::flow has it; empty where there is nothing to say.
std::string flow_text(const Flow& flow);
// Throws Fault for what flow_text did not write.
Flow flow_from(std::string_view text);

}  // namespace agentcmd::history
