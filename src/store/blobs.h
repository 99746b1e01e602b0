#pragma once
// Payloads that are too large for a row: files named after the SHA-256 of their content, written
// once however often they are referred to. A blob is on disk before the commit that refers to it;
// one that no commit refers to (its append failed) is harmless.

#include <filesystem>
#include <string>
#include <string_view>

namespace agentcmd::store {

class Blobs {
 public:
  explicit Blobs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Durable upon return; the name to read it by.
  std::string put(std::string_view content) const;

  // Throws Fault where it is missing or is not what was written.
  std::string get(const std::string& name) const;

 private:
  std::filesystem::path path_of(const std::string& name) const;

  std::filesystem::path folder_;
};

}  // namespace agentcmd::store
