#include "steps/whole_lines.h"

#include "base/limits.h"

namespace agentcmd::steps {

void WholeLines::feed(std::string_view bytes) {
  constexpr std::size_t line_bytes_max = 64 * limits::kib;
  rest_ += bytes;
  const auto end = rest_.rfind('\n');
  if (end != rest_.npos) {
    sink_(std::string_view(rest_).substr(0, end + 1));
    rest_.erase(0, end + 1);
  }
  if (rest_.size() > line_bytes_max) finish();
}

void WholeLines::finish() {
  if (rest_.empty()) return;
  rest_ += '\n';
  sink_(rest_);
  rest_.clear();
}

}  // namespace agentcmd::steps
