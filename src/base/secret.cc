#include "base/secret.h"

#include <array>

namespace agentcmd {
namespace {

constexpr std::array own_variables{
    std::string_view("AGENTCMD_TOKEN"), std::string_view("AGENTCMD_SECRET"),
    std::string_view("AGENTCMD_DATABASE_URL"), std::string_view("AGENTCMD_ENCRYPTION_KEY")};

// Shorter values would blank out ordinary words.
constexpr std::size_t redacted_length_min = 8;

}  // namespace

bool is_own_secret_variable(std::string_view name) {
  for (const auto own : own_variables) {
    if (name == own) return true;
  }
  return name.starts_with("AGENTCMD_") && (name.ends_with("_KEY") || name.ends_with("_TOKEN"));
}

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
  std::string clean(text);
  for (const auto& secret : secrets) {
    const auto& value = secret.reveal();
    if (value.size() < redacted_length_min) continue;
    for (auto at = clean.find(value); at != std::string::npos; at = clean.find(value, at)) {
      clean.replace(at, value.size(), "[redacted]");
    }
  }
  return clean;
}

}  // namespace agentcmd
