#include "base/secret.h"

#include <array>

namespace agentcmd {
namespace {

constexpr std::array own_variables{
    std::string_view("AGENTCMD_TOKEN"), std::string_view("AGENTCMD_SECRET"),
    std::string_view("AGENTCMD_DATABASE_URL"), std::string_view("AGENTCMD_ENCRYPTION_KEY")};

// Shorter values would blank out ordinary words.
constexpr std::size_t redacted_length_min = 8;

// In one pass, which ends even for a value that is a part of what replaces it.
std::string without(std::string_view text, std::string_view value) {
  std::string clean;
  clean.reserve(text.size());
  while (true) {
    const auto at = text.find(value);
    clean += text.substr(0, at);
    if (at == std::string_view::npos) return clean;
    clean += "[redacted]";
    text.remove_prefix(at + value.size());
  }
}

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
    if (value.size() >= redacted_length_min && clean.contains(value)) {
      clean = without(clean, value);
    }
  }
  return clean;
}

}  // namespace agentcmd
