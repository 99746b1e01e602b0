#include "script/frame.h"

#include "base/fault.h"
#include "base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace agentcmd::script {
namespace {

constexpr std::size_t header_bytes = 4;

void refuse_oversize(std::size_t bytes) {
  if (bytes <= limits::worker_frame_bytes_max) return;
  throw Fault(fmt::format(
      "a message of {} bytes between agentcmd and its workflow worker is over the limit of {}",
      bytes, limits::worker_frame_bytes_max));
}

std::size_t length_at(const char* header) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < header_bytes; ++i) {
    length = length << 8U | static_cast<unsigned char>(header[i]);
  }
  return length;
}

}  // namespace

void append_frame(std::string& out, std::string_view json) {
  refuse_oversize(json.size());
  const auto length = static_cast<std::uint32_t>(json.size());
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out += static_cast<char>(length >> (shift - 8U) & 0xFFU);
  }
  out += json;
}

std::span<char> FrameReader::prepare(std::size_t bytes) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, filled_ - begin_);
    filled_ -= begin_;
    begin_ = 0;
  }
  std::size_t wanted = filled_ + bytes;
  // A large frame gets its whole space at once instead of growing with each read.
  if (filled_ >= header_bytes) {
    wanted = std::max(wanted, header_bytes + length_at(buffer_.data()));
  }
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  return std::span(buffer_).subspan(filled_);
}

bool FrameReader::has_frame() const {
  const std::size_t available = filled_ - begin_;
  if (available < header_bytes) return false;
  const std::size_t length = length_at(buffer_.data() + begin_);
  refuse_oversize(length);
  return available - header_bytes >= length;
}

std::optional<std::string_view> FrameReader::next() {
  if (!has_frame()) return std::nullopt;
  const std::size_t length = length_at(buffer_.data() + begin_);
  const std::string_view frame(buffer_.data() + begin_ + header_bytes, length);
  begin_ += header_bytes + length;
  return frame;
}

}  // namespace agentcmd::script
