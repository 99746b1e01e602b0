#include "base/id.h"

#include "base/check.h"

#include <openssl/evp.h>

#include <array>

namespace agentcmd {

std::string make_id(char prefix, Random& random) {
  static constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  static_assert(alphabet.size() == 32);
  std::string id(1, prefix);
  auto bits = random.next();
  for (int i = 0; i < 11; ++i) {
    id += alphabet[bits & 31U];
    bits >>= 5U;
  }
  return id;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  AGENTCMD_CHECK(done == 1, "SHA-256 of {} bytes", bytes.size());
  std::string hex;
  hex.reserve(std::size_t{2} * length);
  for (unsigned i = 0; i < length; ++i)
    fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  return hex;
}

}  // namespace agentcmd
