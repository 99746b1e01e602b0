#pragma once
// The frames of protocol.md as the driver's values.

#include "script/worker.h"

#include <string>
#include <string_view>

namespace agentcmd::script {

std::string code_frame(const Bundle& bundle);
std::string activate_frame(const history::Activation& activation);
std::string query_frame(std::uint64_t id, const history::RunId& run, std::string_view name,
                        const JsonText& args);
std::string effect_frame(std::uint64_t id, const EffectResult& result);
// `{"t":type,"field":text}`.
std::string plain_frame(std::string_view type, std::string_view field, std::string_view text);

// These throw Fault for what is not in the protocol.
history::Completion parse_completion(std::string_view frame);
history::ClosureEnd parse_closure(std::string_view frame);
RunStopped parse_stopped(std::string_view frame);

struct EffectFrame {
  Effect effect;
  std::uint64_t id = 0;
  bool synchronous = false;
};
EffectFrame parse_effect(std::string_view frame);

// `file` stands in messages that have no place of their own.
Result<WorkflowInfo> parse_described(std::string_view frame, const std::string& file);
// See Worker::query for the errors.
Result<JsonText> parse_queried(std::string_view frame);
Result<std::vector<Finding>> parse_checked(std::string_view frame, const std::string& file);

}  // namespace agentcmd::script
