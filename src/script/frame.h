#pragma once
// Frames of protocol.md: four bytes big-endian length, then that many bytes of JSON.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::script {

// Throws Fault for more than limits::worker_frame_bytes_max.
void append_frame(std::string& out, std::string_view json);

// Cuts what was read from a socket into frames.
class FrameReader {
 public:
  // Space for at least `bytes`, to be filled from its beginning.
  std::span<char> prepare(std::size_t bytes);
  void commit(std::size_t bytes) { filled_ += bytes; }

  // The next whole frame, valid until prepare(); nothing while it is incomplete. Throws Fault for a
  // length over limits::worker_frame_bytes_max.
  std::optional<std::string_view> next();
  bool has_frame() const;  // next() would give one

 private:
  std::vector<char> buffer_;
  std::size_t begin_ = 0;   // of what next() has not returned
  std::size_t filled_ = 0;  // end of what was read
};

}  // namespace agentcmd::script
