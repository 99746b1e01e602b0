#pragma once
// Reads a stream of server-sent events, wherever its chunks happen to be cut, in the midst of a
// character too.

#include <functional>
#include <string>
#include <string_view>

namespace agentcmd::gateway {

class EventStream {
 public:
  // Calls `on_data` with the data of each event that is whole; its lines are joined by "\n".
  void feed(std::string_view bytes, const std::function<void(std::string_view data)>& on_data);

  // Bytes of an event that is not whole yet.
  std::size_t pending() const { return line_.size() + data_.size(); }

 private:
  void take_line(std::string_view line, const std::function<void(std::string_view)>& on_data);

  std::string line_;  // without its end
  std::string data_;
  bool has_data_ = false;
};

}  // namespace agentcmd::gateway
