#pragma once
// Reads the file of a stream that may still grow.

#include "process/supervised_process.h"
#include "process/unique_fd.h"

namespace agentcmd::process {

class StreamReader {
 public:
  // Throws Fault if the file cannot be read.
  StreamReader(std::filesystem::path file, std::uint64_t from, Listener listener);

  // Hands over the next piece. False: nothing more is there yet.
  bool read_more();

  const std::filesystem::path& file() const { return file_; }

 private:
  void skip_if_far_behind();
  std::uint64_t size() const;

  std::filesystem::path file_;
  UniqueFd fd_;
  std::uint64_t at_;
  Listener listener_;
  std::vector<char> chunk_;
};

}  // namespace agentcmd::process
