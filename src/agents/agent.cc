#include "agents/agent.h"

#include "agents/claude/adapter.h"
#include "agents/claude/dialogue.h"
#include "agents/claude/stream_json.h"
#include "agents/scripted/adapter.h"
#include "base/random.h"

#include <fmt/format.h>

#include <array>

namespace agentcmd::agents {
namespace {

constexpr std::array adapters{
    Adapter{.name = "claude",
            .command = claude_command,
            .parse = parse_stream_json,
            .converse = claude_dialogue,
            .default_mode = "acceptEdits",
            .session_exists = claude_session_exists},
    Adapter{.name = "scripted",
            .command = scripted_command,
            .parse = parse_stream_json,
            .converse = nullptr,
            .default_mode = "bypassPermissions",
            .session_exists = scripted_session_exists},
};

}  // namespace

Result<const Adapter*> find_adapter(std::string_view name) {
  std::string known;
  for (const auto& adapter : adapters) {
    if (adapter.name == name) return &adapter;
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", adapter.name);
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("there is no agent \"{}\"; this version has {}", name, known));
}

std::string make_session_id() {
  SystemRandom random;
  const auto high = random.next();
  const auto low = random.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                     high & 0xfffU, ((low >> 48U) & 0x3fffU) | 0x8000U, low & 0xffffffffffffU);
}

}  // namespace agentcmd::agents
