#include "history/flow.h"

#include "base/fault.h"
#include "base/json.h"

#include <utility>

namespace agentcmd::history {

std::string flow_text(const Flow& flow) {
  if (flow == Flow{}) return "";
  Json groups = Json::array();
  for (const auto& group : flow.groups) {
    groups.push_back({{"id", group.id}, {"label", group.label}, {"limit", group.limit}});
  }
  Json out = Json::object();
  if (!groups.empty()) out["groups"] = std::move(groups);
  if (flow.priority != 0) out["priority"] = flow.priority;
  return to_text(out);
}

Flow flow_from(std::string_view text) {
  Flow flow;
  if (text.empty()) return flow;
  const auto json = parse_trusted(text, "the flow of a run");
  flow.priority = static_cast<std::int32_t>(int_or(json, "priority"));
  const auto groups = json.find("groups");
  if (groups == json.end()) return flow;
  for (const auto& group : *groups) {
    FlowGroup one{.id = string_or(group, "id"),
                  .label = string_or(group, "label"),
                  .limit = static_cast<std::uint32_t>(int_or(group, "limit"))};
    if (one.id.empty() || one.limit == 0) throw Fault("damaged flow of a run: a group is not one");
    flow.groups.push_back(std::move(one));
  }
  return flow;
}

}  // namespace agentcmd::history
