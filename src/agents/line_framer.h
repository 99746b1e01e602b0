#pragma once
// Cuts a stream of bytes into lines, wherever the reads happened to cut it. A line may have any
// length: beyond what is worth holding in memory it is not delivered but reported with its place,
// since the stream's file keeps it whole.

#include "base/limits.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace agentcmd::agents {

class LineFramer {
 public:
  using OnLine = std::function<void(std::string_view line)>;
  using OnOversized = std::function<void(std::uint64_t offset, std::uint64_t length)>;

  explicit LineFramer(OnLine on_line, OnOversized on_oversized = {},
                      std::size_t line_bytes_max = 128 * limits::mib)
      : on_line_(std::move(on_line)),
        on_oversized_(std::move(on_oversized)),
        line_bytes_max_(line_bytes_max) {}

  // Lines are delivered without their end ("\n" or "\r\n"); empty ones are not.
  void feed(std::string_view bytes);
  // The stream ended: delivers a last line that has no end.
  void finish();

 private:
  void take(std::string_view bytes);
  void end_line();

  OnLine on_line_;
  OnOversized on_oversized_;
  std::size_t line_bytes_max_;
  std::string pending_;
  std::uint64_t line_start_ = 0;   // of the current line, in the stream
  std::uint64_t line_length_ = 0;  // so far
};

}  // namespace agentcmd::agents
