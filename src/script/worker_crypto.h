#pragma once
// Bytes and digests for node:crypto in workflow code. All bytes are raw, in std::string.

#include <cstddef>
#include <string>

namespace agentcmd::script {

// Opens nothing later: called once before the process is sealed.
void prepare_crypto();

// From the operating system. Throws std::invalid_argument for more than 1 MiB.
std::string random_bytes(std::size_t count);

// Names as in node:crypto ("sha256", "md5"). Throw std::invalid_argument for an unknown algorithm.
std::string digest(const std::string& algorithm, const std::string& bytes);
std::string hmac(const std::string& algorithm, const std::string& bytes, const std::string& key);

}  // namespace agentcmd::script
