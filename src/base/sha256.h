#pragma once
// SHA-256 of what does not fit into memory at once (base/id.h has it for what does).

#include <memory>
#include <string>
#include <string_view>

namespace agentcmd {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view bytes);
  // In lower-case hex. Nothing can be added after it.
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agentcmd
