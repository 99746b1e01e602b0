#pragma once
// The vendors' APIs as the stub model server speaks them: Anthropic's Messages, OpenAI's Responses
// and Chat Completions. What was asked is read into one form, and what is answered is written from
// one, as server-sent events or as one document.

#include "base/json.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::gateway {

enum class Api { messages, responses, chat };

std::string_view to_string(Api api);

// A request to a model, as rules are matched against it.
struct Asked {
  Api api = Api::messages;
  std::string model;
  bool stream = false;
  std::string system;
  std::string prompts;             // all texts of the user, a line each
  std::string last;                // the last text of the user
  std::int64_t tool_results = 0;   // since then
  bool after_tool = false;         // whether there is any at all
  std::vector<std::string> tools;  // that the model may call
  std::string forced_tool;         // that it must call
};

Asked read_asked(Api api, const Json& body);

struct StubUsage {
  std::int64_t input = 100;
  std::int64_t output = 20;
  std::int64_t cache_read = 0;
  std::int64_t cache_write = 0;
  std::int64_t reasoning = 0;
};

// One answer in the making. The parts are bytes of the event stream; document() is the same as one
// JSON document, for who did not ask for a stream.
class StubAnswer {
 public:
  virtual ~StubAnswer() = default;
  StubAnswer(const StubAnswer&) = delete;
  StubAnswer& operator=(const StubAnswer&) = delete;

  virtual std::string begin() = 0;
  virtual std::string text(const std::string& text) = 0;
  virtual std::string tool(const std::string& name, const Json& input) = 0;
  virtual std::string end() = 0;
  virtual Json document() = 0;

 protected:
  StubAnswer() = default;
};

// `number` makes the ids of the answer differ from those of others.
std::unique_ptr<StubAnswer> make_stub_answer(const Asked& asked, const StubUsage& usage,
                                             std::uint64_t number);

// A call of the tool by which the asking agent writes a file, or runs a command.
struct ToolUse {
  std::string name;
  Json input;
};
ToolUse writing_tool(const Asked& asked, const std::string& path, const std::string& content);
ToolUse running_tool(const Asked& asked, const std::string& command);

// The body of an error, as the vendor words it.
Json stub_error(Api api, int status, const std::string& message);

}  // namespace agentcmd::gateway
