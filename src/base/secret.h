#pragma once
// Keys and tokens: a type that cannot be logged or printed by accident, and the redaction of known
// secret values from text at its source.

#include <string>
#include <string_view>
#include <vector>

namespace agentcmd {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  // The only way to the value; search for it to see who uses secrets.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

// Names of environment variables that hold agentcmd's own keys and tokens; they reach no step.
bool is_own_secret_variable(std::string_view name);

// Replaces every occurrence of a known secret value (of 8 bytes or more) by "[redacted]".
std::string redact(std::string_view text, const std::vector<Secret>& secrets);

}  // namespace agentcmd
