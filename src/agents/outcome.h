#pragma once
// What came of an agent: decided from its final event, its errors and its denials, and from whether
// there was a final event at all; never from the exit code alone, which is 0 after a refused write
// and after an interrupt.

#include "agents/transcript.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::agents {

// What is remembered of a transcript while it passes.
class Tally {
 public:
  void add(const AgentEvent& event);

  const std::string& session_id() const { return session_id_; }
  // The API said 401 or 403: the CLI would go on trying for minutes.
  bool rejected() const { return rejected_status_ != 0; }
  int rejected_status() const { return rejected_status_; }
  const std::optional<Final>& last_word() const { return final_; }
  const std::string& last_text() const { return last_text_; }

 private:
  std::string session_id_;
  int rejected_status_ = 0;
  std::optional<Final> final_;
  std::string last_text_;
};

struct Verdict {
  bool success = false;
  std::string error;  // for the user; empty with success
  std::string text;   // the final reply
};

// `ending` says how the process ended ("exit code 1", "killed by SIGTERM"); `complaints` is the end
// of its stderr.
// Denials whose ToolCall is in `decided` were a person's will, and no failure.
Verdict judge(std::string_view agent, const Tally& tally, const std::string& ending,
              std::string_view complaints, const std::set<std::string>& decided = {});

}  // namespace agentcmd::agents
