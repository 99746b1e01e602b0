#include "base/sha256.h"

#include "base/check.h"

#include <openssl/evp.h>

#include <array>

namespace agentcmd {

struct Sha256::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* used) const { EVP_MD_CTX_free(used); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  const int done = EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr);
  AGENTCMD_CHECK(done == 1, "SHA-256 cannot be begun");
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  const int done = EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size());
  AGENTCMD_CHECK(done == 1, "SHA-256 of {} bytes", bytes.size());
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const int done = EVP_DigestFinal_ex(impl_->context.get(), digest.data(), &length);
  AGENTCMD_CHECK(done == 1, "SHA-256 cannot be ended");
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  }
  return hex;
}

}  // namespace agentcmd
