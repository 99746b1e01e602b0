#pragma once
// Sizes as people read them.

#include <cstdint>
#include <string>

namespace agentcmd {

// "0 B", "512 B", "1.5 kB", "34 MB", "2.1 GB": powers of ten, as file managers show them.
std::string format_bytes(std::uint64_t bytes);

}  // namespace agentcmd
