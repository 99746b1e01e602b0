#include "script/worker_crypto.h"

#include "base/limits.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>
#include <stdexcept>

namespace agentcmd::script {
namespace {

using DigestBytes = std::array<unsigned char, EVP_MAX_MD_SIZE>;

const EVP_MD* find_digest(const std::string& algorithm) {
  const EVP_MD* found = EVP_get_digestbyname(algorithm.c_str());
  if (found == nullptr) {
    throw std::invalid_argument(fmt::format("unknown digest algorithm '{}'", algorithm));
  }
  return found;
}

std::string to_string(const DigestBytes& bytes, unsigned length) {
  return {bytes.begin(), bytes.begin() + length};
}

}  // namespace

void prepare_crypto() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, nullptr);
}

std::string random_bytes(std::size_t count) {
  if (count > limits::mib) throw std::invalid_argument("more than 1 MiB of random bytes at once");
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const auto got = ::getrandom(bytes.data() + done, count - done, 0);
    if (got < 0) throw std::runtime_error("the system gives no random bytes");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string digest(const std::string& algorithm, const std::string& bytes) {
  DigestBytes out{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, find_digest(algorithm),
                 nullptr) != 1) {
    throw std::invalid_argument(fmt::format("digest algorithm '{}' is not offered", algorithm));
  }
  return to_string(out, length);
}

std::string hmac(const std::string& algorithm, const std::string& bytes, const std::string& key) {
  DigestBytes out{};
  unsigned length = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (HMAC(find_digest(algorithm), key.data(), static_cast<int>(key.size()), data, bytes.size(),
           out.data(), &length) == nullptr) {
    throw std::invalid_argument(fmt::format("digest algorithm '{}' is not offered", algorithm));
  }
  return to_string(out, length);
}

}  // namespace agentcmd::script
