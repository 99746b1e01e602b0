#pragma once
// Short ids that people type: 'r' and eleven letters or digits without the ones that look alike.

#include "base/random.h"

#include <string>
#include <string_view>

namespace agentcmd {

// `prefix` followed by 11 random characters (55 bits).
std::string make_id(char prefix, Random& random);

// SHA-256 in lower-case hex: names blobs and bundles.
std::string sha256_hex(std::string_view bytes);

}  // namespace agentcmd
