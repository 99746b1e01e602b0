#pragma once
// Bytes as text: the standard alphabet, padded.

#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::steps {

std::string to_base64(std::string_view bytes);

// Nothing for text that is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace agentcmd::steps
