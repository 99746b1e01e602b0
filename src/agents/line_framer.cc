#include "agents/line_framer.h"

namespace agentcmd::agents {

void LineFramer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (end == bytes.npos) {
      take(bytes);
      return;
    }
    take(bytes.substr(0, end));
    end_line();
    line_start_ += 1;  // the "\n"
    bytes.remove_prefix(end + 1);
  }
}

void LineFramer::finish() {
  end_line();
}

void LineFramer::take(std::string_view bytes) {
  line_length_ += bytes.size();
  if (line_length_ <= line_bytes_max_) {
    pending_ += bytes;
  } else {
    std::string().swap(pending_);
  }
}

void LineFramer::end_line() {
  if (line_length_ > line_bytes_max_) {
    if (on_oversized_) on_oversized_(line_start_, line_length_);
  } else {
    std::string_view line = pending_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) on_line_(line);
  }
  line_start_ += line_length_;
  line_length_ = 0;
  pending_.clear();
}

}  // namespace agentcmd::agents
