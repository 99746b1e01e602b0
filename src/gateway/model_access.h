#pragma once
// Where the models of each vendor are asked, and with which key.

#include "base/secret.h"
#include "gateway/usage.h"

#include <filesystem>
#include <string>

namespace agentcmd::gateway {

struct VendorAccess {
  std::string base_url;  // empty: the vendor's own
  Secret key;
};

struct ModelAccess {
  VendorAccess anthropic;
  VendorAccess openai;
  // Of the model gateway that requests go through; empty: they go to the vendors directly.
  std::filesystem::path gateway_home = {};

  const VendorAccess& of(Vendor vendor) const {
    return vendor == Vendor::anthropic ? anthropic : openai;
  }
};

// Without a slash at the end. Anthropic's is given with and without "/v1", OpenAI's with it.
std::string base_url_of(const VendorAccess& access, Vendor vendor);

}  // namespace agentcmd::gateway
