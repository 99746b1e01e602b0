#pragma once
// A conversation with an agent CLI over its two-way protocol, as a state machine without I/O: it is
// told every line that the CLI wrote and every frame that it was sent, and says what is to be sent
// next and what the agent asks. Whoever drives it may die at any point: the next one tells a new
// dialogue the same lines and the frames that were sent, and it goes on where the former stopped.

#include "agents/transcript.h"
#include "base/json.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::agents {

// What the agent wants to know before it goes on.
struct AgentQuestion {
  enum class Kind {
    permission,  // to use a tool
    plan,        // whether its plan is to be carried out
    choice,      // something else, with answers to choose from
  };
  std::string id;       // of the CLI's request
  std::string call_id;  // of the tool call, as denials name it; may be empty
  Kind kind = Kind::permission;
  std::string tool;
  Json input;       // an object
  std::string why;  // the CLI's reason; may be empty
  // By the mode that the agent was given the answer is no.
  bool against_mode = false;
};

struct AgentAnswer {
  bool allow = false;
  std::string message;  // why not
  Json input;           // to use instead of the question's; null: that one
};

class Dialogue {
 public:
  Dialogue() = default;
  virtual ~Dialogue() = default;
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  // A line of the CLI's output.
  virtual std::vector<AgentEvent> received(std::string_view line) = 0;

  // The frame has reached the CLI, or will: by us, or by a driver before us.
  virtual void sent(std::string_view frame) = 0;

  // What is to be sent now, the same until sent() is told of it; nothing while the CLI has its
  // turn. An empty frame closes its input.
  virtual std::optional<std::string> next() const = 0;

  // Another message of the user's, sent as soon as the CLI takes it.
  virtual void say(std::string text) = 0;

  // Nothing more will be said.
  virtual void finish() = 0;

  // How many messages of the user's were sent or wait for it, and how many turns have ended.
  virtual std::size_t messages() const = 0;
  virtual std::size_t turns_ended() const = 0;

  // Every question that was asked so far, in order.
  virtual const std::vector<AgentQuestion>& questions() const = 0;
  // Whether the question has an answer that was sent or waits for it, or was taken back.
  virtual bool is_settled(const std::string& question) const = 0;
  virtual void answer(const std::string& question, const AgentAnswer& answer) = 0;
};

}  // namespace agentcmd::agents
