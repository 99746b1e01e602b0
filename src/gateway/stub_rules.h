#pragma once
// The rules by which the stub model server answers: a list, of which the first that matches is
// played, action by action. Without a match it says "stub reply".
//
//   [{"match": {"prompt"?, "last"?, "system"?, "model"?: regular expressions,
//               "api"?: "messages" | "responses" | "chat", "afterTool"?: true | false,
//               "toolResults"?: n, "key"?: text, "times"?: n},
//     "do": [{"say": text} | {"reply": JSON} | {"tool": {"name", "input"}} |
//            {"write": {"path", "content"}} | {"run": command} |
//            {"repeat": {"text", "count", "everyMs"?}} | {"delayMs": n} | {"hold": path} |
//            {"usage": {"inputTokens"?, "outputTokens"?, "cacheReadTokens"?,
//                       "cacheCreationTokens"?, "reasoningTokens"?}} |
//            {"status": n, "message"?, "retryAfter"?: seconds, "resetIn"?: seconds} |
//            {"raw": text} | {"cut": true | "utf8"} | {"hang": true}]}]
//
// prompt is searched in all texts of the user, last in the newest; toolResults counts results of
// tools since then, afterTool says whether there is any. key is the API key that must have been
// sent; times says how often the rule may be played. "$1" to "$9" in texts of actions stand for
// what the groups of `prompt` (else of `last`) have matched. reply is what the model answers where
// JSON is asked for: the input of the tool that it is forced to call, or a text. hold waits until
// the file exists; raw is sent as it is; cut breaks the connection off (in the midst of a
// character).

#include "base/json.h"
#include "gateway/stub_api.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::gateway {

class StubRules {
 public:
  // invalid_argument with the rule's number for what is not in the format above; `source` names it.
  static Result<StubRules> parse(std::string_view text, std::string_view source);
  StubRules();  // none
  ~StubRules();
  StubRules(StubRules&&) noexcept;
  StubRules& operator=(StubRules&&) noexcept;

  // The actions of the first rule that matches, their texts filled in; counts it as played.
  Json choose(const Asked& asked, std::string_view key);

 private:
  struct Rule;
  std::vector<Rule> rules_;
};

}  // namespace agentcmd::gateway
