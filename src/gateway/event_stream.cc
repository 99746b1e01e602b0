#include "gateway/event_stream.h"

namespace agentcmd::gateway {

void EventStream::feed(std::string_view bytes,
                       const std::function<void(std::string_view)>& on_data) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      line_ += bytes;
      return;
    }
    if (line_.empty()) {
      take_line(bytes.substr(0, end), on_data);
    } else {
      line_ += bytes.substr(0, end);
      take_line(line_, on_data);
      line_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

void EventStream::take_line(std::string_view line,
                            const std::function<void(std::string_view)>& on_data) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    if (has_data_) on_data(data_);
    data_.clear();
    has_data_ = false;
    return;
  }
  constexpr std::string_view field = "data:";
  if (!line.starts_with(field)) return;
  line.remove_prefix(field.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += line;
  has_data_ = true;
}

}  // namespace agentcmd::gateway
